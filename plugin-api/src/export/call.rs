use crate::{Error, ErrorKind};
use handclasp_abi as abi;
use std::ffi::c_void;
use std::fmt;
use std::ops::Add;
use std::slice;
use std::time::Duration;

/// A moment on the host's monotonic clock, the only clock of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// Nanoseconds since an arbitrary origin that is the same for all calls into one process.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment that many nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// What a callback may tell the host. Valid for the callback it was lent to.
///
/// The host copies what it is given. It checks it too: a packet over the MTU, or data in the wrong call, is
/// this instance's failure.
pub struct Call<'a> {
    raw: &'a abi::hc_call,
}

macro_rules! emit {
    ($self:ident.$emitter:ident($argument:expr)) => {
        if let Some(emit) = $self.raw.$emitter {
            // SAFETY: `raw` was lent by the host for the callback that `'a` spans, its emitters are valid
            // with it as first argument, and the bytes outlive the call, which copies them. The answer is
            // one that a plugin may ignore: the host has taken note of the fault.
            unsafe { emit($self.raw, $argument) };
        }
    };
}

impl<'a> Call<'a> {
    /// # Safety
    /// `raw` is what the host passed to the present callback.
    pub(super) unsafe fn new(raw: *const abi::hc_call) -> Option<Self> {
        // SAFETY: the host lends either null or a whole `hc_call` for the length of the callback.
        unsafe { raw.as_ref() }.map(|raw| Self { raw })
    }

    /// The time of this call.
    pub fn now(&self) -> Time {
        Time(self.raw.now_ns)
    }

    /// Sends one datagram of at most [`Init::mtu`] bytes to the peer. Before ICE is ready the host keeps it.
    pub fn packet(&self, datagram: &[u8]) {
        emit!(self.packet(lend(datagram)));
    }

    /// What the peer has to know of this side, such as a fingerprint. Only in [`init`](crate::Handshake::init).
    pub fn init_data(&self, data: &[u8]) {
        emit!(self.init_data(lend(data)));
    }

    /// What the handshake agreed on, such as keys. Only in the call that answers
    /// [`Finished`](crate::Status::Finished).
    pub fn handshake_data(&self, data: &[u8]) {
        emit!(self.handshake_data(lend(data)));
    }

    /// Asks for [`Timer::on_deadline`](crate::Timer::on_deadline) at that time. Replaces the deadline set before;
    /// one in the past means soon.
    pub fn deadline(&self, at: Time) {
        emit!(self.deadline(at.0));
    }

    /// Takes the deadline back.
    pub fn clear_deadline(&self) {
        emit!(self.deadline(abi::HC_NO_DEADLINE));
    }

    /// A sentence the operator should read although all goes on.
    pub fn warn(&self, sentence: &str) {
        emit!(self.error(lend(sentence.as_bytes())));
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

/// What an instance is made for. Valid during [`init`](crate::Handshake::init).
pub struct Init<'a> {
    raw: &'a abi::hc_init,
    options: &'a [abi::hc_setting],
}

impl<'a> Init<'a> {
    /// # Safety
    /// `raw` is what the host passed to the present `init`.
    pub(super) unsafe fn new(raw: *const abi::hc_init) -> Option<Self> {
        // SAFETY: the host lends either null or a whole `hc_init` for the length of `init`.
        let raw = unsafe { raw.as_ref() }?;
        let options = if raw.option_count == 0 {
            &[]
        } else {
            // SAFETY: the host lends `option_count` settings with a count above 0.
            unsafe { slice::from_raw_parts(raw.options, raw.option_count) }
        };
        Some(Self { raw, options })
    }

    /// This component: 1 is RTP, 2 is RTCP.
    pub fn component_id(&self) -> u32 {
        self.raw.component_id
    }

    /// How many components the stream has.
    pub fn component_count(&self) -> u32 {
        self.raw.component_count
    }

    /// Most bytes of UDP payload a packet may have.
    pub fn mtu(&self) -> usize {
        self.raw.mtu as usize
    }

    /// The stream; unique in this host and never reused.
    pub fn stream_id(&self) -> u64 {
        self.raw.stream_id
    }

    /// This instance; unique in this host and never reused.
    pub fn instance_id(&self) -> u64 {
        self.raw.instance_id
    }

    /// An option's value: what was given, else its default.
    pub fn option(&self, key: &str) -> Option<&'a str> {
        self.options(key).next()
    }

    /// All values of a repeated option.
    pub fn options<'k>(&self, key: &'k str) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        self.options
            .iter()
            // SAFETY: keys and values of the host's settings are lent for `'a`.
            .filter(move |setting| unsafe { borrow(setting.key) } == key.as_bytes())
            // SAFETY: as above; the host's options are UTF-8, anything else counts as absent.
            .filter_map(|setting| std::str::from_utf8(unsafe { borrow(setting.value) }).ok())
    }
}

impl fmt::Debug for Init<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Init")
            .field("component_id", &self.component_id())
            .field("instance_id", &self.instance_id())
            .finish_non_exhaustive()
    }
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// Something is broken.
    Error = abi::HC_LOG_ERROR,
    /// Something an operator should look at.
    Warn = abi::HC_LOG_WARN,
    /// Something an operator may like to know.
    Info = abi::HC_LOG_INFO,
    /// For whoever looks for a fault.
    Debug = abi::HC_LOG_DEBUG,
    /// For whoever looks for a fault in this plugin.
    Trace = abi::HC_LOG_TRACE,
}

/// The host's services; from any thread, for as long as the process lives.
#[derive(Clone, Copy)]
pub struct Host {
    raw: *const abi::hc_host,
}

// SAFETY: the ABI promises that the host's table is thread-safe, and that it stays valid as long as the process.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    /// # Safety
    /// `raw` is what the host passed to `init`.
    pub(super) unsafe fn new(raw: *const abi::hc_host) -> Option<Self> {
        (!raw.is_null()).then_some(Self { raw })
    }

    fn table(&self) -> &abi::hc_host {
        // SAFETY: not null by construction, and valid for the life of the process by the ABI.
        unsafe { &*self.raw }
    }

    /// Tells hosts in one process apart: each numbers its streams for itself.
    pub fn id(&self) -> usize {
        self.raw.addr()
    }

    /// Whether a line of that level would go anywhere.
    pub fn log_enabled(&self, level: Level) -> bool {
        // SAFETY: the host's function, with the host's table.
        self.table()
            .log_enabled
            .is_some_and(|enabled| unsafe { enabled(self.raw, level as u32) } != 0)
    }

    /// Writes a line to the host's log, under this plugin's name.
    pub fn log(&self, level: Level, line: impl fmt::Display) {
        if let (true, Some(log)) = (self.log_enabled(level), self.table().log) {
            let line = line.to_string();
            // SAFETY: the host's function, with the host's table and bytes that outlive the call.
            unsafe { log(self.raw, level as u32, lend(line.as_bytes())) };
        }
    }

    /// Whether the operator asked for a key log: if not, there is nothing to derive lines for.
    pub fn keylog_enabled(&self) -> bool {
        self.table()
            .keylog_enabled
            // SAFETY: the host's function, with the host's table.
            .is_some_and(|enabled| unsafe { enabled(self.raw) } != 0)
    }

    /// An NSS key log line. Goes nowhere unless the operator asked for it.
    pub fn keylog(&self, line: &str) {
        if let Some(keylog) = self.table().keylog {
            // SAFETY: the host's function, with the host's table and bytes that outlive the call.
            unsafe { keylog(self.raw, lend(line.as_bytes())) };
        }
    }

    /// Fills `buffer` from the operating system's CSPRNG.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where the system has none to give.
    pub fn random(&self, buffer: &mut [u8]) -> crate::Result<()> {
        let status = self
            .table()
            .random
            .map_or(abi::HC_ERROR_UNSUPPORTED, |random| {
                // SAFETY: the host's function writes `len` bytes, which `buffer` has.
                unsafe { random(self.raw, buffer.as_mut_ptr(), buffer.len()) }
            });
        match status {
            abi::HC_PENDING => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Internal,
                "the system has no randomness to give",
            )),
        }
    }

    /// The means to have [`Wake::on_wake`](crate::Wake::on_wake) called, where the host offers it.
    pub fn waker(&self, instance_id: u64) -> Option<Waker> {
        let table = self.extension(abi::HC_WAKE)?.cast::<abi::hc_wake_host>();
        // SAFETY: under this id the host hands out this table, valid as long as its own.
        let wake = unsafe { (*table).wake }?;
        Some(Waker {
            host: *self,
            instance_id,
            wake,
        })
    }

    fn extension(&self, id: &str) -> Option<*const c_void> {
        let id = std::ffi::CString::new(id).ok()?;
        // SAFETY: the host's function, with the host's table and a NUL-terminated id.
        let table = unsafe { self.table().extension?(self.raw, id.as_ptr()) };
        (!table.is_null()).then_some(table)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

/// Wakes one instance from any thread.
#[derive(Clone, Copy, Debug)]
pub struct Waker {
    host: Host,
    instance_id: u64,
    wake: unsafe extern "C" fn(*const abi::hc_host, u64),
}

impl Waker {
    /// Asks for [`Wake::on_wake`](crate::Wake::on_wake); nothing happens once the instance is gone.
    pub fn wake(&self) {
        // SAFETY: the host's thread-safe function, with the host's table; unknown ids are allowed.
        unsafe { (self.wake)(self.host.raw, self.instance_id) };
    }
}

pub(super) fn lend(bytes: &[u8]) -> abi::hc_bytes {
    abi::hc_bytes {
        data: bytes.as_ptr(),
        len: bytes.len(),
    }
}

/// # Safety
/// `bytes` is valid for `'a`, or empty.
pub(super) unsafe fn borrow<'a>(bytes: abi::hc_bytes) -> &'a [u8] {
    if bytes.len == 0 {
        return &[];
    }
    // SAFETY: the host lends null only with length 0.
    unsafe { slice::from_raw_parts(bytes.data, bytes.len) }
}
