//! The host's side of the boundary in a few functions, so that Miri and sanitizers see both.
use crate::{
    Call, Close, Export, Handshake, Host, Init, Level, OptionSpec, Peer, PeerParameters, Result,
    Role, Started, Status, Wake, Waker,
};
use handclasp_abi as abi;
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;

type Tables = super::Tables<Probe>;

/// A handshake that uses all there is.
struct Probe {
    host: Host,
    waker: Waker,
}

impl Handshake for Probe {
    fn init(host: Host, init: &Init<'_>, call: &Call<'_>) -> Result<Started<Self>> {
        let mut random = [0; 8];
        host.random(&mut random)?;
        assert_eq!(random, [4; 8]);
        assert_eq!(
            (init.option("key"), init.option("empty")),
            (Some("value"), Some(""))
        );
        assert_eq!(init.option("other"), None);
        call.init_data(b"certificate");
        let waker = host.waker(init.instance_id()).expect("this host wakes");
        Ok(Started::Pending(Self { host, waker }))
    }

    fn connection_ready(&mut self, call: &Call<'_>) -> Result {
        call.packet(b"first");
        call.packet(&[]);
        Ok(Status::Pending)
    }

    fn recv_from_peer(&mut self, datagram: &[u8], call: &Call<'_>) -> Result {
        assert_ne!(datagram, b"panic", "it is told to");
        call.handshake_data(datagram);
        Ok(Status::Finished)
    }
}

impl Peer for Probe {
    fn set_peer(&mut self, peer: PeerParameters<'_>, call: &Call<'_>) -> Result {
        assert_eq!(peer.role, Role::Responder);
        call.packet(peer.init_data);
        Ok(Status::Pending)
    }
}

impl Wake for Probe {
    fn on_wake(&mut self, call: &Call<'_>) -> Result {
        call.clear_deadline();
        Ok(Status::Pending)
    }
}

impl Close for Probe {
    fn close(&mut self, call: &Call<'_>) -> Result {
        call.packet(b"last");
        Ok(Status::Pending)
    }
}

impl Export for Probe {
    /// Tells what is in `out`, and adds the lengths of label and context.
    fn export(&mut self, label: &[u8], context: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
        let add = label.len() + 10 * context.map_or(0, |context| 1 + context.len());
        out.iter_mut().for_each(|byte| *byte += add as u8);
        Ok(())
    }
}

#[allow(unreachable_pub)] // it is for a library's root
mod exported {
    use super::{OptionSpec, Probe};

    crate::export! {
        handshake: Probe,
        id: c"probe",
        own_clock: true,
        needs_system: true,
        options: [OptionSpec::file(c"key").required()],
        implements: [Peer(required)],
    }
}

#[test]
fn a_descriptor_says_what_was_exported() {
    let said = &exported::handclasp_plugin.0;
    assert_eq!(said.flags, abi::HC_OWN_CLOCK | abi::HC_NEEDS_SYSTEM);
    assert!(said.reserved.is_null());
    // SAFETY: there is one option.
    let option = unsafe { &*said.options };
    assert_eq!(
        (said.option_count, option.type_, option.flags),
        (1, abi::HC_OPTION_FILE, abi::HC_OPTION_REQUIRED)
    );
}

thread_local! {
    /// What was emitted on this thread: by what, and the bytes.
    static EMITTED: RefCell<Vec<(&'static str, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
}

fn note(what: &'static str, bytes: abi::hc_bytes) -> abi::hc_status {
    // SAFETY: the plugin lends the bytes.
    let bytes = unsafe { super::call::borrow(bytes) }.to_vec();
    EMITTED.with_borrow_mut(|emitted| emitted.push((what, bytes)));
    abi::HC_PENDING
}

unsafe extern "C" fn packet(_: *const abi::hc_call, bytes: abi::hc_bytes) -> abi::hc_status {
    note("packet", bytes)
}

unsafe extern "C" fn init_data(_: *const abi::hc_call, bytes: abi::hc_bytes) -> abi::hc_status {
    note("init_data", bytes)
}

unsafe extern "C" fn data(_: *const abi::hc_call, bytes: abi::hc_bytes) -> abi::hc_status {
    note("handshake_data", bytes)
}

unsafe extern "C" fn deadline(_: *const abi::hc_call, at: u64) -> abi::hc_status {
    assert_eq!(at, abi::HC_NO_DEADLINE);
    abi::HC_PENDING
}

unsafe extern "C" fn error(_: *const abi::hc_call, bytes: abi::hc_bytes) -> abi::hc_status {
    note("error", bytes)
}

const CALL: abi::hc_call = abi::hc_call {
    struct_size: size_of::<abi::hc_call>() as u32,
    reserved: 0,
    now_ns: 1,
    ctx: ptr::null_mut(),
    packet: Some(packet),
    init_data: Some(init_data),
    handshake_data: Some(data),
    deadline: Some(deadline),
    error: Some(error),
};

/// What the host was asked for, by all threads.
static ASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn ask(what: String) {
    ASKED.lock().expect("nobody panics with it").push(what);
}

unsafe extern "C" fn log_enabled(_: *const abi::hc_host, level: u32) -> u32 {
    u32::from(level <= abi::HC_LOG_INFO)
}

unsafe extern "C" fn log(_: *const abi::hc_host, level: u32, line: abi::hc_bytes) {
    // SAFETY: the plugin lends the line.
    let line = unsafe { super::call::borrow(line) };
    ask(format!("log {level} {}", String::from_utf8_lossy(line)));
}

unsafe extern "C" fn keylog_enabled(_: *const abi::hc_host) -> u32 {
    1
}

unsafe extern "C" fn keylog(_: *const abi::hc_host, line: abi::hc_bytes) {
    // SAFETY: the plugin lends the line.
    let line = unsafe { super::call::borrow(line) };
    ask(format!("keylog {}", String::from_utf8_lossy(line)));
}

unsafe extern "C" fn random(_: *const abi::hc_host, buffer: *mut u8, len: usize) -> abi::hc_status {
    // SAFETY: the plugin lends the buffer.
    unsafe { buffer.write_bytes(4, len) };
    abi::HC_PENDING
}

unsafe extern "C" fn wake(_: *const abi::hc_host, instance_id: u64) {
    ask(format!("wake {instance_id}"));
}

unsafe extern "C" fn extension(_: *const abi::hc_host, id: *const c_char) -> *const c_void {
    static WAKE: abi::hc_wake_host = abi::hc_wake_host { wake: Some(wake) };
    // SAFETY: the plugin lends a text that ends with a zero.
    match unsafe { CStr::from_ptr(id) } == c"hc.wake/1" {
        true => ptr::from_ref(&WAKE).cast(),
        false => ptr::null(),
    }
}

/// As long as the process, as the contract has it.
fn host() -> *const abi::hc_host {
    Box::leak(Box::new(abi::hc_host {
        struct_size: size_of::<abi::hc_host>() as u32,
        reserved: 0,
        ctx: ptr::null_mut(),
        log_enabled: Some(log_enabled),
        log: Some(log),
        keylog_enabled: Some(keylog_enabled),
        keylog: Some(keylog),
        random: Some(random),
        extension: Some(extension),
    }))
}

fn bytes(bytes: &[u8]) -> abi::hc_bytes {
    let data = if bytes.is_empty() {
        ptr::null()
    } else {
        bytes.as_ptr()
    };
    abi::hc_bytes {
        data,
        len: bytes.len(),
    }
}

/// An instance, which nobody has destroyed yet.
fn begin() -> *mut c_void {
    let setting = |key: &'static [u8], value: &'static [u8]| abi::hc_setting {
        key: bytes(key),
        value: bytes(value),
    };
    let options = [setting(b"empty", b""), setting(b"key", b"value")];
    let init = abi::hc_init {
        struct_size: size_of::<abi::hc_init>() as u32,
        component_id: 1,
        component_count: 1,
        mtu: 1200,
        stream_id: 1,
        instance_id: 7,
        options: options.as_ptr(),
        option_count: options.len(),
    };
    let mut instance = ptr::null_mut();
    // SAFETY: all of it outlives the call.
    let status = unsafe { (Tables::INIT)(host(), &init, &CALL, &mut instance) };
    assert_eq!((status, instance.is_null()), (abi::HC_PENDING, false));
    instance
}

#[test]
fn every_function_is_reached_and_every_emitter() {
    EMITTED.take();
    let instance = begin();
    let peer = abi::hc_peer {
        struct_size: size_of::<abi::hc_peer>() as u32,
        role: abi::HC_ROLE_RESPONDER,
        init_data: bytes(b""),
    };
    // SAFETY: the instance is in no other call, and all that is lent outlives its call.
    let answers = unsafe {
        [
            (Tables::PEER.set_peer.expect("it is there"))(instance, &peer, &CALL),
            (Tables::CONNECTION_READY)(instance, &CALL),
            (Tables::RECV_FROM_PEER)(instance, bytes(b"keys"), &CALL),
            (Tables::WAKE.on_wake.expect("it is there"))(instance, &CALL),
            (Tables::CLOSE.close.expect("it is there"))(instance, &CALL),
        ]
    };
    assert_eq!(answers, [0, 0, abi::HC_FINISHED, 0, 0]);
    // SAFETY: the instance is called no more.
    unsafe { (Tables::DESTROY)(instance) };
    let emitted = EMITTED.take();
    let emitted: Vec<_> = emitted
        .iter()
        .map(|(what, bytes)| (*what, &bytes[..]))
        .collect();
    let expected: [(_, &[u8]); 6] = [
        ("init_data", b"certificate"),
        ("packet", b""),
        ("packet", b"first"),
        ("packet", b""),
        ("handshake_data", b"keys"),
        ("packet", b"last"),
    ];
    assert_eq!(emitted, expected);
}

#[test]
fn an_exporter_is_given_zeros_whatever_the_host_s_buffer_had() {
    let instance = begin();
    let exporter = Tables::EXPORT.exporter.expect("it is there");
    let export = |label: &[u8], context: Option<&[u8]>, buffer: *mut u8, len| {
        let context = context.map(bytes);
        let context = context.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the instance is in no other call, and all that is lent outlives the call.
        unsafe { exporter(instance, bytes(label), context, buffer, len) }
    };
    let mut used = [0xaa; 4];
    assert_eq!(export(b"abc", None, used.as_mut_ptr(), 4), abi::HC_PENDING);
    assert_eq!(used, [3; 4]);
    assert_eq!(
        export(b"abc", Some(b""), used.as_mut_ptr(), 4),
        abi::HC_PENDING
    );
    assert_eq!(used, [13; 4]);
    let mut unused = [MaybeUninit::<u8>::uninit(); 4];
    assert_eq!(
        export(b"", Some(b"x"), unused.as_mut_ptr().cast(), 4),
        abi::HC_PENDING
    );
    // SAFETY: all of it was just written.
    assert_eq!(unused.map(|byte| unsafe { byte.assume_init() }), [20; 4]);
    assert_eq!(export(b"", None, ptr::null_mut(), 0), abi::HC_PENDING);
    assert_eq!(
        export(b"", None, ptr::null_mut(), 1),
        abi::HC_ERROR_BAD_STATE
    );
    // SAFETY: the instance is called no more.
    unsafe { (Tables::DESTROY)(instance) };
}

#[test]
fn a_panic_stays_in_its_instance() {
    EMITTED.take();
    let instance = begin();
    // SAFETY: the instance is in no other call, and the datagram outlives the call.
    let (first, second) = unsafe {
        (
            (Tables::RECV_FROM_PEER)(instance, bytes(b"panic"), &CALL),
            (Tables::RECV_FROM_PEER)(instance, bytes(b"keys"), &CALL),
        )
    };
    assert_eq!((first, second), (abi::HC_ERROR_PANIC, abi::HC_ERROR_PANIC));
    // SAFETY: the instance is called no more.
    unsafe { (Tables::DESTROY)(instance) };
    let sentences = EMITTED.take();
    assert!(sentences[1..].iter().all(|(what, _)| *what == "error"));
}

#[test]
fn what_a_host_offers_can_be_used_by_any_thread_when_the_instance_is_gone() {
    let instance = begin();
    // SAFETY: the instance is what `begin` made, and in no call.
    let probe = unsafe { &*instance.cast::<super::entry::Slot<Probe>>() };
    let (host, waker) = (probe.handshake.host, probe.handshake.waker);
    // SAFETY: the instance is called no more.
    unsafe { (Tables::DESTROY)(instance) };
    let late = std::thread::spawn(move || {
        host.log(Level::Info, "late");
        host.log(Level::Debug, "unheard");
        assert!(host.keylog_enabled());
        host.keylog("late");
        waker.wake();
    });
    late.join().expect("nothing is amiss");
    let asked = ASKED.lock().expect("nobody panics with it");
    assert_eq!(*asked, ["log 3 late", "keylog late", "wake 7"]);
}
