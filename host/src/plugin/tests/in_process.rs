//! The boundary without a library: a descriptor whose functions are here, so that Miri and sanitizers see both sides.
use crate::plugin::open::Plugin;
use crate::plugin::open_error::Cause;
use crate::plugin::vet::Found;
use crate::plugin::{
    Deadline, Effects, Failed, FailureKind, InitParameters, Instance, Role, Services, Started,
    Step, init,
};
use handclasp_abi::{self as abi, hc_bytes, hc_call, hc_status};
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::Arc;

/// What the plugin was called for, and what it was lent: whether that was null, and how long.
type Called = (&'static str, Option<(bool, usize)>);

thread_local! {
    static CALLS: RefCell<Vec<Called>> = const { RefCell::new(Vec::new()) };
}

fn called(name: &'static str) {
    CALLS.with_borrow_mut(|calls| calls.push((name, None)));
}

fn lent(name: &'static str, bytes: hc_bytes) {
    let lent = (bytes.data.is_null(), bytes.len);
    CALLS.with_borrow_mut(|calls| calls.push((name, Some(lent))));
}

fn text(text: &'static str) -> hc_bytes {
    hc_bytes {
        data: text.as_ptr(),
        len: text.len(),
    }
}

/// Uses an emitter of the call.
macro_rules! emit {
    ($call:ident.$emitter:ident($argument:expr)) => {
        // SAFETY: the host lends the table for the call that this is part of.
        unsafe { ((*$call).$emitter.expect("the table is full"))($call, $argument) }
    };
}

unsafe extern "C" fn load() -> hc_status {
    called("load");
    abi::HC_PENDING
}

unsafe extern "C" fn unload() {
    called("unload");
}

unsafe extern "C" fn start(
    host: *const abi::hc_host,
    init: *const abi::hc_init,
    call: *const hc_call,
    instance: *mut *mut c_void,
) -> hc_status {
    // SAFETY: the host lends all of these, and as many options as it says.
    let (options, mtu) = unsafe {
        let options = std::slice::from_raw_parts((*init).options, (*init).option_count);
        (options, (*init).mtu)
    };
    for option in options {
        lent("option", option.value);
    }
    let mut random = vec![0; mtu as usize];
    // SAFETY: the table is its own first argument, and the buffer has these bytes.
    unsafe { ((*host).random.expect("it is there"))(host, random.as_mut_ptr(), random.len()) };
    emit!(call.init_data(text("certificate")));
    // SAFETY: the host lends a place for a pointer.
    unsafe { *instance = Box::into_raw(Box::new(random)).cast() };
    abi::HC_PENDING
}

unsafe extern "C" fn set_peer(
    _: *mut c_void,
    peer: *const abi::hc_peer,
    _: *const hc_call,
) -> hc_status {
    // SAFETY: the host lends it.
    lent("set_peer", unsafe { (*peer).init_data });
    abi::HC_PENDING
}

unsafe extern "C" fn connection_ready(instance: *mut c_void, call: *const hc_call) -> hc_status {
    // SAFETY: it is what `start` made, and in no other call.
    let random = unsafe { &*instance.cast::<Vec<u8>>() };
    let datagram = hc_bytes {
        data: random.as_ptr(),
        len: random.len(),
    };
    emit!(call.packet(datagram));
    emit!(call.packet(text("second")));
    emit!(call.deadline(7));
    abi::HC_PENDING
}

unsafe extern "C" fn recv_from_peer(
    _: *mut c_void,
    datagram: hc_bytes,
    call: *const hc_call,
) -> hc_status {
    lent("recv_from_peer", datagram);
    emit!(call.error(text("a warning")));
    emit!(call.handshake_data(text("keys")));
    abi::HC_FINISHED
}

unsafe extern "C" fn on_deadline(_: *mut c_void, call: *const hc_call) -> hc_status {
    emit!(call.error(text("no more")));
    abi::HC_ERROR_INTERNAL
}

unsafe extern "C" fn exporter(
    _: *mut c_void,
    label: hc_bytes,
    context: *const hc_bytes,
    buffer: *mut u8,
    len: usize,
) -> hc_status {
    lent("label", label);
    if !context.is_null() {
        // SAFETY: the host lends it.
        lent("context", unsafe { *context });
    }
    // SAFETY: the host lends a buffer of this length.
    unsafe { buffer.write_bytes(1, len) };
    abi::HC_PENDING
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    called("destroy");
    // SAFETY: it is what `start` made, and comes back once.
    drop(unsafe { Box::from_raw(instance.cast::<Vec<u8>>()) });
}

fn inline<const N: usize>(text: &str) -> [c_char; N] {
    let mut inline = [0; N];
    for (to, from) in inline.iter_mut().zip(text.bytes()) {
        *to = from as c_char;
    }
    inline
}

fn extension<T>(id: &'static CStr, table: T) -> abi::hc_extension {
    abi::hc_extension {
        id: id.as_ptr(),
        table: ptr::from_ref(Box::leak(Box::new(table))).cast(),
        table_size: size_of::<T>() as u32,
        flags: 0,
    }
}

/// What a library that is never unmapped has.
struct Parts {
    plugin: abi::hc_plugin,
    options: Vec<abi::hc_option>,
    extensions: Vec<abi::hc_extension>,
}

fn parts() -> Parts {
    let extensions = vec![
        extension(
            c"hc.peer/1",
            abi::hc_peer_table {
                set_peer: Some(set_peer),
            },
        ),
        extension(
            c"hc.timer/1",
            abi::hc_timer_table {
                on_deadline: Some(on_deadline),
            },
        ),
        extension(
            c"hc.export/1",
            abi::hc_export_table {
                exporter: Some(exporter),
            },
        ),
    ];
    let option = abi::hc_option {
        key: c"key".as_ptr(),
        default_value: ptr::null(),
        help: c"help".as_ptr(),
        type_: abi::HC_OPTION_STRING,
        flags: 0,
    };
    let plugin = abi::hc_plugin {
        magic: abi::HC_MAGIC,
        declarations: abi::HC_DECLARATIONS,
        abi_major: abi::HC_ABI_MAJOR,
        abi_minor: abi::HC_ABI_MINOR,
        pointer_bytes: size_of::<usize>() as u32,
        big_endian: u32::from(cfg!(target_endian = "big")),
        struct_size: size_of::<abi::hc_plugin>() as u32,
        flags: 0,
        id: inline("here"),
        version: inline("1.0"),
        name: c"name".as_ptr(),
        vendor: c"vendor".as_ptr(),
        license: c"MIT".as_ptr(),
        description: c"description".as_ptr(),
        init_data_type: ptr::null(),
        handshake_data_type: ptr::null(),
        options: ptr::null(),
        option_count: 0,
        extensions: ptr::null(),
        extension_count: 0,
        rust_layout: ptr::null(),
        reserved: ptr::null(),
        load: Some(load),
        unload: Some(unload),
        init: Some(start),
        connection_ready: Some(connection_ready),
        recv_from_peer: Some(recv_from_peer),
        destroy: Some(destroy),
    };
    Parts {
        plugin,
        options: vec![option],
        extensions,
    }
}

fn open(change: impl FnOnce(&mut Parts)) -> Result<Arc<Plugin>, Cause> {
    let mut parts = parts();
    change(&mut parts);
    let Parts {
        mut plugin,
        options,
        extensions,
    } = parts;
    (plugin.option_count, plugin.extension_count) = (options.len(), extensions.len());
    plugin.options = options.leak().as_ptr();
    plugin.extensions = extensions.leak().as_ptr();
    let found = Found {
        path: "/nowhere".into(),
        id: "here".to_owned(),
        version: "1.0".to_owned(),
        flags: 0,
    };
    let descriptor = Box::leak(Box::new(plugin));
    Plugin::check(
        descriptor,
        &found,
        "",
        &Arc::new(Services::default()),
        || {},
    )
    .map(Arc::new)
}

fn begin(
    options: &[(String, String)],
    effects: &mut Effects,
) -> Instance<crate::plugin::AwaitingPeer> {
    let plugin = open(|_| {}).expect("nothing is wrong with it");
    let parameters = InitParameters {
        component_id: 1,
        component_count: 1,
        mtu: 1200,
        instance_id: 1,
        stream_id: 1,
        options: options.into(),
    };
    match init(&plugin, &parameters, 0, effects) {
        Ok(Started::AwaitingPeer(instance)) => instance,
        other => panic!("it takes its peer's parameters: {other:?}"),
    }
}

#[test]
fn an_instance_lives_and_fails_and_is_destroyed_once() {
    CALLS.take();
    let mut effects = Effects::default();
    let instance = begin(&[], &mut effects);
    assert_eq!(effects.init_data.as_deref(), Some(&b"certificate"[..]));
    let Ok(Step::Pending(instance)) = instance.set_peer(Role::Initiator, b"peer", 1, &mut effects)
    else {
        panic!("it is in progress");
    };
    assert!(effects.init_data.is_none());
    let Ok(Step::Pending(instance)) = instance.connection_ready(2, &mut effects) else {
        panic!("it has not heard from its peer");
    };
    let lengths: Vec<usize> = effects.packets().map(<[u8]>::len).collect();
    assert_eq!(
        (lengths, effects.deadline),
        (vec![1200, 6], Some(Deadline::At(7)))
    );
    let Ok(Step::Finished(instance, keys)) = instance.recv_from_peer(b"?", 3, &mut effects) else {
        panic!("it has heard from its peer");
    };
    assert_eq!(
        (&**keys, effects.sentence.as_deref()),
        (&b"keys"[..], Some("a warning"))
    );
    let Failed { failure, instance } = instance
        .on_deadline(7, &mut effects)
        .expect_err("it says so");
    instance.expect("it is there").destroy();
    assert_eq!(
        (failure.kind, failure.detail.as_deref()),
        (FailureKind::Internal, Some("no more"))
    );
    let calls: Vec<_> = CALLS.take().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        calls,
        ["load", "set_peer", "recv_from_peer", "destroy", "unload"]
    );
}

#[test]
fn what_is_lent_empty_is_null() {
    let mut effects = Effects::default();
    CALLS.take();
    let options = [
        ("key".to_owned(), String::new()),
        ("key".to_owned(), "x".to_owned()),
    ];
    let instance = begin(&options, &mut effects);
    let Ok(Step::Pending(instance)) = instance.set_peer(Role::Responder, b"", 1, &mut effects)
    else {
        panic!("it is in progress");
    };
    let Ok(Step::Finished(mut instance, _)) = instance.recv_from_peer(b"", 3, &mut effects) else {
        panic!("it has heard from its peer");
    };
    let mut exported = [0; 3];
    assert_eq!(instance.export(b"", Some(b""), &mut exported), Ok(()));
    assert_eq!(instance.export(b"label", None, &mut exported), Ok(()));
    assert_eq!(exported, [1; 3]);
    let lent: Vec<_> = CALLS
        .take()
        .into_iter()
        .filter(|(_, lent)| lent.is_some())
        .collect();
    let (empty, full) = (Some((true, 0)), |len| Some((false, len)));
    assert_eq!(
        lent,
        [
            ("option", empty),
            ("option", full(1)),
            ("set_peer", empty),
            ("recv_from_peer", empty),
            ("label", empty),
            ("context", empty),
            ("label", full(5)),
        ]
    );
}

#[test]
fn no_function_is_called_before_all_checks_have_passed() {
    CALLS.take();
    let refused: [fn(&mut Parts); 12] = [
        |parts| parts.plugin.magic = 0,
        |parts| parts.plugin.id = inline("there"),
        |parts| parts.plugin.init = None,
        |parts| parts.plugin.destroy = None,
        |parts| parts.plugin.name = ptr::null(),
        |parts| parts.options[0].type_ = 77,
        |parts| parts.options[0].key = c" key".as_ptr(),
        |parts| parts.extensions[0].id = c" hc.peer/1".as_ptr(),
        |parts| parts.extensions[0].id = c"hc.peer/1\n".as_ptr(),
        |parts| parts.extensions[1].table = ptr::null(),
        |parts| parts.extensions[1].table_size += 8,
        |parts| {
            parts.extensions[2] = extension(c"hc.export/1", abi::hc_export_table { exporter: None })
        },
    ];
    for (number, change) in refused.into_iter().enumerate() {
        assert!(open(change).is_err(), "{number}");
        assert_eq!(CALLS.take(), [], "{number}");
    }
    drop(open(|_| {}).expect("nothing is wrong with it"));
    assert_eq!(CALLS.take(), [("load", None), ("unload", None)]);
}
