//! `hc_host`: the host's services as a plugin sees them.
use super::emitted::one_line;
use handclasp_abi as abi;
use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Keylog = Box<dyn Fn(&str) + Send + Sync>;

/// What the host does for its plugins beside calling them. From any thread.
pub struct Services {
    /// Takes an NSS key log line. Nothing unless the operator asked for it.
    pub keylog: Option<Keylog>,
    /// Asks for `on_wake` of the instance with this id; nothing for unknown ids.
    pub wake: Box<dyn Fn(u64) + Send + Sync>,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            keylog: None,
            wake: Box::new(|_| ()),
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("keylog", &self.keylog.is_some())
            .finish_non_exhaustive()
    }
}

/// Behind `hc_host.ctx`.
struct Context {
    plugin_id: String,
    services: Arc<Services>,
}

/// The addresses of all tables: checkers of leaks call memory lost to which nothing leads.
static TABLES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// Makes the table for one loaded plugin. It is never freed, as the plugin is never unmapped: a thread of
/// the plugin's that outlives its instance still finds it.
pub(super) fn host_table(plugin_id: &str, services: Arc<Services>) -> &'static abi::hc_host {
    let context = Box::leak(Box::new(Context {
        plugin_id: plugin_id.to_owned(),
        services,
    }));
    let table: &'static abi::hc_host = Box::leak(Box::new(abi::hc_host {
        struct_size: size_of::<abi::hc_host>() as u32,
        reserved: 0,
        ctx: std::ptr::from_mut(context).cast(),
        log_enabled: Some(log_enabled),
        log: Some(log),
        keylog: Some(keylog),
        random: Some(random),
        extension: Some(extension),
    }));
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    tables.push(std::ptr::from_ref(table).addr());
    table
}

/// # Safety
/// `host` is a table of [`host_table`].
unsafe fn context<'a>(host: *const abi::hc_host) -> &'a Context {
    // SAFETY: the plugin hands back the table it was given, whose context is never freed or changed.
    unsafe { &*(*host).ctx.cast::<Context>() }
}

/// # Safety
/// `bytes` is readable for `'a`, or null.
unsafe fn text<'a>(bytes: abi::hc_bytes) -> std::borrow::Cow<'a, str> {
    if bytes.data.is_null() || bytes.len > isize::MAX as usize {
        return "".into();
    }
    // SAFETY: not null, and lent by the plugin for this call.
    String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) })
}

unsafe extern "C" fn log_enabled(_host: *const abi::hc_host, level: u32) -> u32 {
    u32::from(match level {
        abi::HC_LOG_ERROR => tracing::enabled!(target: "handclasp::plugin", tracing::Level::ERROR),
        abi::HC_LOG_WARN => tracing::enabled!(target: "handclasp::plugin", tracing::Level::WARN),
        abi::HC_LOG_INFO => tracing::enabled!(target: "handclasp::plugin", tracing::Level::INFO),
        abi::HC_LOG_DEBUG => tracing::enabled!(target: "handclasp::plugin", tracing::Level::DEBUG),
        _ => tracing::enabled!(target: "handclasp::plugin", tracing::Level::TRACE),
    })
}

unsafe extern "C" fn log(host: *const abi::hc_host, level: u32, message: abi::hc_bytes) {
    // SAFETY: the plugin hands back its table, and lends the message.
    let (plugin, line) = unsafe { (&context(host).plugin_id, one_line(&text(message))) };
    match level {
        abi::HC_LOG_ERROR => tracing::error!(target: "handclasp::plugin", plugin, "{line}"),
        abi::HC_LOG_WARN => tracing::warn!(target: "handclasp::plugin", plugin, "{line}"),
        abi::HC_LOG_INFO => tracing::info!(target: "handclasp::plugin", plugin, "{line}"),
        abi::HC_LOG_DEBUG => tracing::debug!(target: "handclasp::plugin", plugin, "{line}"),
        _ => tracing::trace!(target: "handclasp::plugin", plugin, "{line}"),
    }
}

unsafe extern "C" fn keylog(host: *const abi::hc_host, line: abi::hc_bytes) {
    // SAFETY: the plugin hands back its table.
    if let Some(keylog) = unsafe { &context(host).services.keylog } {
        // SAFETY: the plugin lends the line.
        keylog(&one_line(&unsafe { text(line) }));
    }
}

unsafe extern "C" fn random(
    _host: *const abi::hc_host,
    buffer: *mut u8,
    len: usize,
) -> abi::hc_status {
    if buffer.is_null() || len > isize::MAX as usize {
        return if len == 0 {
            abi::HC_PENDING
        } else {
            abi::HC_ERROR_BAD_STATE
        };
    }
    // SAFETY: not null, and lent by the plugin for this call. `getrandom` only writes.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer, len) };
    match getrandom::fill(buffer) {
        Ok(()) => abi::HC_PENDING,
        Err(_) => abi::HC_ERROR_INTERNAL,
    }
}

static WAKE_TABLE: abi::hc_wake_host = abi::hc_wake_host { wake: Some(wake) };

unsafe extern "C" fn extension(_host: *const abi::hc_host, id: *const c_char) -> *const c_void {
    if id.is_null() {
        return std::ptr::null();
    }
    // SAFETY: not null, and NUL-terminated by the contract.
    match unsafe { CStr::from_ptr(id) }.to_str() {
        Ok(abi::HC_WAKE) => std::ptr::from_ref(&WAKE_TABLE).cast(),
        _ => std::ptr::null(),
    }
}

unsafe extern "C" fn wake(host: *const abi::hc_host, instance_id: u64) {
    // SAFETY: the plugin hands back its table.
    (unsafe { context(host) }.services.wake)(instance_id);
}
