//! `hc_host`: the host's services as a plugin sees them.
//!
//! A plugin may call them at any moment: from a destructor of a thread's variables, during a panic, after `main`,
//! after its host is gone. So nothing here panics, waits, or uses a thread-local variable that is ever gone, and lengths
//! are judged before anything is copied.
use super::collector::{hold, one_line};
use super::log::PluginLog;
use super::secrets::Secrets;
use crate::made_in::MadeIn;
use handclasp_abi as abi;
use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use zeroize::Zeroizing;

type Keylog = Box<dyn Fn(&str) + Send + Sync>;

/// What a host does for its plugins beside calling them, from any thread, for as long as this is there. Nothing in it
/// may panic, wait, or use thread-local variables.
pub struct Services {
    /// Takes what plugins log.
    pub log: Option<PluginLog>,
    /// Takes an NSS key log line. Nothing unless the operator asked for it.
    pub keylog: Option<Keylog>,
    /// Asks for `on_wake` of the instance with this id; nothing for unknown ids.
    pub wake: Box<dyn Fn(u64) + Send + Sync>,
    /// Leaves secrets in what plugins log and give as reasons, for those who look for them there. Blanked unless this is
    /// set.
    pub reveal: bool,
    /// Counts and times the calls into plugins.
    pub measure: bool,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            log: None,
            keylog: None,
            wake: Box::new(|_| ()),
            reveal: false,
            measure: false,
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("log", &self.log.is_some())
            .field("keylog", &self.keylog.is_some())
            .finish_non_exhaustive()
    }
}

/// The table that one loaded plugin is given. It does nothing once this is dropped, and nothing but it itself stays: it
/// is never freed, as the plugin is never unmapped, and a thread of the plugin's that outlives its host still finds it.
pub(super) struct HostTable {
    table: &'static abi::hc_host,
    pub(super) made_in: MadeIn,
}

/// Behind `hc_host.ctx`: nothing once the plugin is not used any more.
type Context = Mutex<Option<Arc<Backing>>>;

/// What the functions of a table use.
struct Backing {
    plugin_id: String,
    /// Gone with the host.
    services: Weak<Services>,
    secrets: Arc<Secrets>,
}

/// Most bytes of a line that a plugin logs; the rest is cut off.
const MAX_LINE: usize = 4096;

/// The addresses of all tables: checkers of leaks call memory lost to which nothing leads.
static TABLES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

impl HostTable {
    pub(super) fn new(plugin_id: &str, services: &Arc<Services>, secrets: &Arc<Secrets>) -> Self {
        let backing = Arc::new(Backing {
            plugin_id: plugin_id.to_owned(),
            services: Arc::downgrade(services),
            secrets: Arc::clone(secrets),
        });
        let context: &'static Context = Box::leak(Box::new(Mutex::new(Some(backing))));
        let table: &'static abi::hc_host = Box::leak(Box::new(abi::hc_host {
            struct_size: size_of::<abi::hc_host>() as u32,
            reserved: 0,
            ctx: std::ptr::from_ref(context).cast_mut().cast(),
            log_enabled: Some(log_enabled),
            log: Some(log),
            keylog_enabled: Some(keylog_enabled),
            keylog: Some(keylog),
            random: Some(random),
            extension: Some(extension),
        }));
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        tables.push(std::ptr::from_ref(table).addr());
        let made_in = MadeIn::this_process();
        Self { table, made_in }
    }

    /// What the plugin is given.
    pub(super) fn table(&self) -> &'static abi::hc_host {
        self.table
    }

    /// Logs what a plugin said, without its secrets.
    pub(super) fn tell(&self, level: u32, said: &[u8]) {
        // SAFETY: the table is one that `new` made.
        if let Some(backing) = unsafe { backing(self.table) } {
            backing.tell(level, said);
        }
    }
}

impl Drop for HostTable {
    fn drop(&mut self) {
        if self.made_in.is_another_process() {
            return; // whose threads may have held the lock
        }
        // SAFETY: the table is one that `new` made.
        let backing =
            unsafe { context(self.table) }.and_then(|context| context_lock(context).take());
        drop(backing);
    }
}

impl Backing {
    fn tell(&self, level: u32, said: &[u8]) {
        let services = self.services.upgrade();
        if let Some(log) = services.as_ref().and_then(|services| services.log.as_ref()) {
            let blanked = self.secrets.blank(said);
            let said = blanked.as_deref().unwrap_or(said);
            let line = one_line(&String::from_utf8_lossy(&said[..said.len().min(MAX_LINE)]));
            log.push(level, &self.plugin_id, &line);
        }
    }
}

/// # Safety
/// `host` is a table of [`HostTable`]'s, or null.
unsafe fn context(host: *const abi::hc_host) -> Option<&'static Context> {
    // SAFETY: not null, it is the table that the plugin was given, which is never freed or changed, nor its context.
    unsafe { Some(&*host.as_ref()?.ctx.cast::<Context>()) }
}

/// It is held for as long as it takes to copy what is behind it.
fn context_lock(context: &Context) -> MutexGuard<'_, Option<Arc<Backing>>> {
    context.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is behind a table; nothing once its plugin is not used any more.
///
/// # Safety
/// As for [`context`].
unsafe fn backing(host: *const abi::hc_host) -> Option<Arc<Backing>> {
    // SAFETY: the caller's promise.
    let context = unsafe { context(host) }?;
    context_lock(context).clone()
}

/// What the host does for this plugin; nothing once it is gone.
///
/// # Safety
/// As for [`context`].
unsafe fn services(host: *const abi::hc_host) -> Option<Arc<Services>> {
    // SAFETY: the caller's promise.
    unsafe { backing(host) }?.services.upgrade()
}

/// At most so many bytes of it.
///
/// # Safety
/// `bytes` is readable for `'a`, or null.
unsafe fn at_most<'a>(bytes: abi::hc_bytes, most: usize) -> &'a [u8] {
    match bytes.data.is_null() {
        true => &[],
        // SAFETY: not null, and lent by the plugin for this call.
        false => unsafe { std::slice::from_raw_parts(bytes.data, bytes.len.min(most)) },
    }
}

unsafe extern "C" fn log_enabled(host: *const abi::hc_host, level: u32) -> u32 {
    // SAFETY: the plugin hands back its table.
    let services = unsafe { services(host) };
    let log = services.as_ref().and_then(|services| services.log.as_ref());
    u32::from(log.is_some_and(|log| log.is_enabled(level)))
}

unsafe extern "C" fn log(host: *const abi::hc_host, level: u32, message: abi::hc_bytes) {
    // SAFETY: the plugin hands back its table.
    let Some(backing) = (unsafe { backing(host) }) else {
        return;
    };
    let services = backing.services.upgrade();
    let log = services.as_ref().and_then(|services| services.log.as_ref());
    if log.is_some_and(|log| log.is_enabled(level)) {
        // What is cut off may be the rest of a secret.
        // SAFETY: the plugin lends the message.
        let said = unsafe { at_most(message, 2 * MAX_LINE) };
        if !hold(level, said) {
            backing.tell(level, said);
        }
    }
}

unsafe extern "C" fn keylog_enabled(host: *const abi::hc_host) -> u32 {
    // SAFETY: the plugin hands back its table.
    let services = unsafe { services(host) };
    u32::from(services.is_some_and(|services| services.keylog.is_some()))
}

unsafe extern "C" fn keylog(host: *const abi::hc_host, line: abi::hc_bytes) {
    // SAFETY: the plugin hands back its table.
    let Some(backing) = (unsafe { backing(host) }) else {
        return;
    };
    let Some(services) = backing.services.upgrade() else {
        return;
    };
    match (&services.keylog, &services.log) {
        (Some(keylog), _) if line.len <= MAX_LINE => {
            // SAFETY: the plugin lends the line.
            let line = String::from_utf8_lossy(unsafe { at_most(line, MAX_LINE) });
            let line = Zeroizing::new(one_line(&line));
            keylog(&line);
        }
        (Some(_), Some(log)) => {
            let complaint = format!(
                "a line of {} bytes for the key log was dropped: it takes {MAX_LINE}",
                line.len
            );
            log.push(abi::HC_LOG_WARN, &backing.plugin_id, &complaint);
        }
        _ => {}
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
    // SAFETY: not null, and lent by the plugin for this call, which need not have written to it.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<MaybeUninit<u8>>(), len) };
    match getrandom::fill_uninit(buffer) {
        Ok(_) => abi::HC_PENDING,
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
    if let Some(services) = unsafe { services(host) } {
        (services.wake)(instance_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// A table, and how often it was heard.
    fn table() -> (HostTable, Arc<Services>, Arc<AtomicUsize>) {
        let heard = Arc::new(AtomicUsize::new(0));
        let (key_lines, wakes) = (Arc::clone(&heard), Arc::clone(&heard));
        let services = Arc::new(Services {
            log: None,
            keylog: Some(Box::new(move |_| {
                key_lines.fetch_add(1, Ordering::Relaxed);
            })),
            wake: Box::new(move |_| {
                wakes.fetch_add(1, Ordering::Relaxed);
            }),
            reveal: false,
            measure: false,
        });
        let table = HostTable::new("test", &services, &Secrets::new());
        (table, services, heard)
    }

    /// What a plugin may hand to a thread of its own.
    struct Anywhere(&'static abi::hc_host);

    // SAFETY: the contract says so.
    unsafe impl Send for Anywhere {}

    impl Anywhere {
        fn table(&self) -> &'static abi::hc_host {
            self.0
        }
    }

    fn call_all(host: &abi::hc_host, is_there: bool) {
        let line = abi::hc_bytes {
            data: b"line".as_ptr(),
            len: 4,
        };
        // SAFETY: the table is its own first argument, and what is lent outlives the calls.
        unsafe {
            assert_eq!(
                (host.log_enabled.expect("it is there"))(host, abi::HC_LOG_ERROR),
                0
            );
            (host.log.expect("it is there"))(host, abi::HC_LOG_ERROR, line);
            assert_eq!(
                (host.keylog_enabled.expect("it is there"))(host),
                u32::from(is_there)
            );
            (host.keylog.expect("it is there"))(host, line);
            let waking = (host.extension.expect("it is there"))(host, c"hc.wake/1".as_ptr());
            let waking = &*waking.cast::<abi::hc_wake_host>();
            (waking.wake.expect("it is there"))(host, 1);
        }
    }

    #[test]
    fn a_table_outlives_its_host_and_does_nothing_then() {
        let (table, services, heard) = table();
        let host = table.table();
        call_all(host, true);
        assert_eq!(heard.load(Ordering::Relaxed), 2);
        drop(services);
        drop(table);
        let host = Anywhere(host);
        let late = std::thread::spawn(move || call_all(host.table(), false));
        late.join().expect("nothing is amiss");
        assert_eq!(heard.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_table_does_nothing_once_its_plugin_is_not_used_any_more() {
        let (table, services, heard) = table();
        let host = table.table();
        drop(table);
        call_all(host, false);
        assert_eq!(heard.load(Ordering::Relaxed), 0);
        assert_eq!(Arc::weak_count(&services), 0, "it keeps nothing");
    }

    #[test]
    fn nobody_asks_for_key_log_lines_unless_the_operator_does() {
        let services = Arc::new(Services::default());
        let table = HostTable::new("test", &services, &Secrets::new());
        let host = table.table();
        // SAFETY: the table is its own argument.
        let wanted = unsafe { (host.keylog_enabled.expect("it is there"))(host) };
        assert_eq!(wanted, 0);
    }

    #[test]
    fn a_length_is_judged_before_anything_is_read() {
        static LINE: [u8; 2 * MAX_LINE] = [b'x'; 2 * MAX_LINE]; // as much as is read
        let logged = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&logged);
        let log = PluginLog::collect(move |lines| {
            taken
                .lock()
                .expect("nobody panics with it")
                .extend_from_slice(lines);
        });
        let services = Arc::new(Services {
            log: Some(log.expect("the system gives a thread")),
            keylog: Some(Box::new(|_| panic!("no line is short enough"))),
            ..Services::default()
        });
        let table = HostTable::new("test", &services, &Secrets::new());
        let host = table.table();
        let lengths = [MAX_LINE + 1, 1 << 46, isize::MAX as usize, usize::MAX];
        for len in lengths {
            for data in [LINE.as_ptr(), std::ptr::null()] {
                let bytes = abi::hc_bytes { data, len };
                // SAFETY: the table is its own first argument; no more is read of the bytes than there are.
                unsafe {
                    (host.log.expect("it is there"))(host, abi::HC_LOG_WARN, bytes);
                    (host.keylog.expect("it is there"))(host, bytes);
                }
            }
        }
        let log = services.log.as_ref().expect("it was just given");
        log.finish(Duration::from_secs(30));
        let logged = logged.lock().expect("nobody panics with it");
        let whole = |line: &&[u8]| line.ends_with(&LINE[..MAX_LINE]);
        assert_eq!(
            logged.split(|&byte| byte == b'\n').filter(whole).count(),
            lengths.len()
        );
    }

    #[test]
    fn without_a_host_nothing_happens() {
        let (table, ..) = table();
        let host = table.table();
        let none = std::ptr::null();
        let line = abi::hc_bytes {
            data: b"line".as_ptr(),
            len: 4,
        };
        // SAFETY: null is what is tested, and what is lent outlives the calls.
        unsafe {
            let enabled = host.log_enabled.expect("it is there");
            assert_eq!(enabled(none, abi::HC_LOG_ERROR), 0);
            (host.log.expect("it is there"))(none, abi::HC_LOG_ERROR, line);
            assert_eq!((host.keylog_enabled.expect("it is there"))(none), 0);
            (host.keylog.expect("it is there"))(none, line);
            let extension = host.extension.expect("it is there");
            assert!(extension(none, std::ptr::null()).is_null());
            (WAKE_TABLE.wake.expect("it is there"))(none, 1);
        }
    }

    #[test]
    fn random_fills_memory_that_nobody_has_written_to() {
        let (table, ..) = table();
        let host = table.table();
        let random = host.random.expect("it is there");
        let mut buffer = [MaybeUninit::<u8>::uninit(); 64];
        // SAFETY: the table is its own first argument, and the buffer has these bytes, or none where it is null.
        let answers = unsafe {
            [
                random(host, buffer.as_mut_ptr().cast(), buffer.len()),
                random(host, std::ptr::null_mut(), 0),
                random(host, std::ptr::null_mut(), 1),
                random(host, buffer.as_mut_ptr().cast(), usize::MAX),
            ]
        };
        let bad = abi::HC_ERROR_BAD_STATE;
        assert_eq!(answers, [abi::HC_PENDING, abi::HC_PENDING, bad, bad]);
        // SAFETY: all of it was just filled.
        let filled = buffer.map(|byte| unsafe { byte.assume_init() });
        assert_ne!(filled, [filled[0]; 64]);
    }
}
