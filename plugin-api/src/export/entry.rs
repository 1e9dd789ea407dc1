use super::call::{Call, Host, Init, borrow};
use crate::handshake::{
    Classify, Close, Export, Handshake, Inspect, Peer, PeerParameters, Role, Started, Timer, Wake,
};
use crate::{Error, ErrorKind, Result, Status};
use handclasp_abi as abi;
use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The function tables of the handshake `T`.
#[derive(Debug)]
pub struct Tables<T>(PhantomData<T>);

/// An instance as the host holds it: behind a pointer, and marked once it has panicked.
pub(super) struct Slot<T> {
    pub(super) handshake: T,
    panicked: Option<String>,
}

impl<T: Handshake> Tables<T> {
    pub const INIT: unsafe extern "C" fn(
        *const abi::hc_host,
        *const abi::hc_init,
        *const abi::hc_call,
        *mut *mut c_void,
    ) -> abi::hc_status = init::<T>;
    pub const CONNECTION_READY: unsafe extern "C" fn(
        *mut c_void,
        *const abi::hc_call,
    ) -> abi::hc_status = connection_ready::<T>;
    pub const RECV_FROM_PEER: unsafe extern "C" fn(
        *mut c_void,
        abi::hc_bytes,
        *const abi::hc_call,
    ) -> abi::hc_status = recv_from_peer::<T>;
    pub const DESTROY: unsafe extern "C" fn(*mut c_void) = destroy::<T>;
}

impl<T: Peer> Tables<T> {
    pub const PEER: abi::hc_peer_table = abi::hc_peer_table {
        set_peer: Some(set_peer::<T>),
    };
}

impl<T: Timer> Tables<T> {
    pub const TIMER: abi::hc_timer_table = abi::hc_timer_table {
        on_deadline: Some(on_deadline::<T>),
    };
}

impl<T: Classify> Tables<T> {
    pub const CLASSIFY: abi::hc_classify_table = abi::hc_classify_table {
        first_bytes: T::FIRST_BYTES.0,
        is_handshake: None,
    };
}

impl<T: Inspect> Tables<T> {
    pub const INSPECT: abi::hc_classify_table = abi::hc_classify_table {
        first_bytes: T::FIRST_BYTES.0,
        is_handshake: Some(is_handshake::<T>),
    };
}

impl<T: Close> Tables<T> {
    pub const CLOSE: abi::hc_close_table = abi::hc_close_table {
        close: Some(close::<T>),
    };
}

impl<T: Wake> Tables<T> {
    pub const WAKE: abi::hc_wake_table = abi::hc_wake_table {
        on_wake: Some(on_wake::<T>),
    };
}

impl<T: Export> Tables<T> {
    pub const EXPORT: abi::hc_export_table = abi::hc_export_table {
        exporter: Some(exporter::<T>),
    };
}

/// # Safety
/// Called by the host with arguments as `hc_plugin.init` demands.
unsafe extern "C" fn init<T: Handshake>(
    host: *const abi::hc_host,
    init: *const abi::hc_init,
    call: *const abi::hc_call,
    instance: *mut *mut c_void,
) -> abi::hc_status {
    // SAFETY: all three are the host's, lent for this call.
    let lent = unsafe { (Host::new(host), Init::new(init), Call::new(call)) };
    let (Some(host), Some(init), Some(call)) = lent else {
        return abi::HC_ERROR_BAD_STATE;
    };
    let started = contain(|| T::init(host, &init, &call));
    match started {
        Ok(Ok(Started::Pending(handshake))) => {
            let slot = Box::new(Slot {
                handshake,
                panicked: None,
            });
            // SAFETY: the host lends a place for one pointer; what stands there comes back to `destroy`.
            unsafe { *instance = Box::into_raw(slot).cast() };
            abi::HC_PENDING
        }
        Ok(Ok(Started::Finished)) => abi::HC_FINISHED,
        Ok(Err(error)) => report(&call, &error),
        Err(panic) => report_panic(&call, &panic),
    }
}

unsafe extern "C" fn connection_ready<T: Handshake>(
    instance: *mut c_void,
    call: *const abi::hc_call,
) -> abi::hc_status {
    // SAFETY: the host's arguments, passed on as they came.
    unsafe {
        enter::<T>(instance, call, |handshake, call| {
            handshake.connection_ready(call)
        })
    }
}

unsafe extern "C" fn recv_from_peer<T: Handshake>(
    instance: *mut c_void,
    datagram: abi::hc_bytes,
    call: *const abi::hc_call,
) -> abi::hc_status {
    // SAFETY: the host lends the datagram for this call.
    let datagram = unsafe { borrow(datagram) };
    // SAFETY: the host's arguments, passed on as they came.
    unsafe {
        enter::<T>(instance, call, |handshake, call| {
            handshake.recv_from_peer(datagram, call)
        })
    }
}

unsafe extern "C" fn set_peer<T: Peer>(
    instance: *mut c_void,
    peer: *const abi::hc_peer,
    call: *const abi::hc_call,
) -> abi::hc_status {
    // SAFETY: the host lends a whole `hc_peer` and its bytes for this call.
    let (role, init_data) = unsafe { ((*peer).role, borrow((*peer).init_data)) };
    let role = match role {
        abi::HC_ROLE_INITIATOR => Role::Initiator,
        _ => Role::Responder,
    };
    // SAFETY: the host's arguments, passed on as they came.
    unsafe {
        enter::<T>(instance, call, |handshake, call| {
            handshake.set_peer(PeerParameters { role, init_data }, call)
        })
    }
}

unsafe extern "C" fn on_deadline<T: Timer>(
    instance: *mut c_void,
    call: *const abi::hc_call,
) -> abi::hc_status {
    // SAFETY: the host's arguments, passed on as they came.
    unsafe {
        enter::<T>(instance, call, |handshake, call| {
            handshake.on_deadline(call)
        })
    }
}

unsafe extern "C" fn close<T: Close>(
    instance: *mut c_void,
    call: *const abi::hc_call,
) -> abi::hc_status {
    // SAFETY: the host's arguments, passed on as they came.
    unsafe { enter::<T>(instance, call, |handshake, call| handshake.close(call)) }
}

unsafe extern "C" fn on_wake<T: Wake>(
    instance: *mut c_void,
    call: *const abi::hc_call,
) -> abi::hc_status {
    // SAFETY: the host's arguments, passed on as they came.
    unsafe { enter::<T>(instance, call, |handshake, call| handshake.on_wake(call)) }
}

unsafe extern "C" fn is_handshake<T: Inspect>(
    instance: *mut c_void,
    datagram: abi::hc_bytes,
) -> u32 {
    // SAFETY: the host passes what `init` handed out and no other call on this instance is under way.
    let slot = unsafe { &mut *instance.cast::<Slot<T>>() };
    // SAFETY: the host lends the datagram for this call.
    let datagram = unsafe { borrow(datagram) };
    if slot.panicked.is_some() {
        return 1;
    }
    match contain(|| slot.handshake.is_handshake(datagram)) {
        Ok(answer) => u32::from(answer),
        Err(panic) => {
            // Claimed for the handshake, so that the next call reports the panic.
            slot.panicked = Some(panic);
            1
        }
    }
}

unsafe extern "C" fn exporter<T: Export>(
    instance: *mut c_void,
    label: abi::hc_bytes,
    context: *const abi::hc_bytes,
    buffer: *mut u8,
    len: usize,
) -> abi::hc_status {
    // SAFETY: the host passes what `init` handed out and no other call on this instance is under way.
    let slot = unsafe { &mut *instance.cast::<Slot<T>>() };
    // SAFETY: the host lends label and context, if there is one, for this call.
    let (label, context) = unsafe { (borrow(label), context.as_ref().map(|bytes| borrow(*bytes))) };
    let out = match len {
        0 => &mut [],
        _ if buffer.is_null() => return abi::HC_ERROR_BAD_STATE,
        _ => {
            // The host need not have written to them, and a slice has no bytes that were never written.
            // SAFETY: not null, so the host lends `len` writable bytes for this call.
            unsafe { buffer.write_bytes(0, len) };
            // SAFETY: as above, and they were just written.
            unsafe { std::slice::from_raw_parts_mut(buffer, len) }
        }
    };
    if slot.panicked.is_some() {
        return abi::HC_ERROR_PANIC;
    }
    match contain(|| slot.handshake.export(label, context, out)) {
        Ok(Ok(())) => abi::HC_PENDING,
        Ok(Err(error)) => error.kind.status(),
        Err(panic) => {
            slot.panicked = Some(panic);
            abi::HC_ERROR_PANIC
        }
    }
}

unsafe extern "C" fn destroy<T: Handshake>(instance: *mut c_void) {
    // SAFETY: the host passes what `init` handed out, once and last.
    let slot = unsafe { Box::from_raw(instance.cast::<Slot<T>>()) };
    // A panicking drop has nobody left to tell.
    let _ = contain(|| drop(slot));
}

/// # Safety
/// `instance` is what `init::<T>` handed out, not destroyed and in no other call; `call` is the present call.
unsafe fn enter<T: Handshake>(
    instance: *mut c_void,
    call: *const abi::hc_call,
    body: impl FnOnce(&mut T, &Call<'_>) -> Result<Status>,
) -> abi::hc_status {
    // SAFETY: the caller's promise.
    let slot = unsafe { &mut *instance.cast::<Slot<T>>() };
    // SAFETY: the caller's promise.
    let Some(call) = (unsafe { Call::new(call) }) else {
        return abi::HC_ERROR_BAD_STATE;
    };
    if let Some(panic) = &slot.panicked {
        return report_panic(&call, panic);
    }
    match contain(|| body(&mut slot.handshake, &call)) {
        Ok(Ok(status)) => status.code(),
        Ok(Err(error)) => report(&call, &error),
        Err(panic) => {
            let status = report_panic(&call, &panic);
            slot.panicked = Some(panic);
            status
        }
    }
}

/// No panic crosses the boundary. What it leaves half done is never used again: the slot is marked.
fn contain<R>(body: impl FnOnce() -> R) -> std::result::Result<R, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let message = panic_message(payload.as_ref());
        // Dropping a payload may panic in turn; leaking it cannot.
        std::mem::forget(payload);
        message
    })
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

fn report(call: &Call<'_>, error: &Error) -> abi::hc_status {
    call.warn(&error.sentence);
    error.kind.status()
}

fn report_panic(call: &Call<'_>, message: &str) -> abi::hc_status {
    call.warn(
        &Error::new(
            ErrorKind::Internal,
            format_args!("the plugin panicked: {message}"),
        )
        .sentence,
    );
    abi::HC_ERROR_PANIC
}
