//! The emitters of `hc_call`: what a plugin calls while it is called.
use super::emitted::{Deadline, Emitted, one_line};
use super::fault::Fault;
use handclasp_abi as abi;
use zeroize::Zeroizing;

/// The table as it is but for its time and place.
pub(super) const EMITTERS: abi::hc_call = abi::hc_call {
    struct_size: size_of::<abi::hc_call>() as u32,
    reserved: 0,
    now_ns: 0,
    ctx: std::ptr::null_mut(),
    packet: Some(packet),
    init_data: Some(init_data),
    handshake_data: Some(handshake_data),
    deadline: Some(deadline),
    error: Some(error),
};

/// Most bytes of init data or handshake data.
pub(super) const MAX_DATA: usize = 64 * 1024;
/// Most bytes of a sentence that are kept.
const MAX_SENTENCE: usize = 1024;

/// # Safety
/// `call` was made by [`Emitted::lend`], and its `Emitted` is borrowed by nobody while the plugin runs.
unsafe fn emitted<'a>(call: *const abi::hc_call) -> &'a mut Emitted {
    // SAFETY: `lend` put the pointer there, and whoever lends it waits for the plugin's return before
    // touching it again. A plugin emits from within its call only: that is the contract's [in-call] tag.
    let emitted = unsafe { &mut *(*call).ctx.cast::<Emitted>() };
    emitted.spoke = true;
    emitted
}

/// # Safety
/// `bytes` is readable for `'a`, or null.
unsafe fn borrow<'a>(bytes: abi::hc_bytes) -> Result<&'a [u8], Fault> {
    match (bytes.data.is_null(), bytes.len) {
        (_, 0) => Ok(&[]),
        (true, len) => Err(Fault::NullWithLength { len }),
        (false, len) if len > isize::MAX as usize => Err(Fault::NullWithLength { len }),
        // SAFETY: not null, and the plugin lends `len` bytes for the length of this emitter's run.
        (false, len) => Ok(unsafe { std::slice::from_raw_parts(bytes.data, len) }),
    }
}

unsafe extern "C" fn packet(call: *const abi::hc_call, datagram: abi::hc_bytes) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent, and lends the bytes.
    let (emitted, datagram) = unsafe { (emitted(call), borrow(datagram)) };
    let result = datagram.and_then(|datagram| emitted.push_packet(datagram));
    emitted.note(result)
}

unsafe extern "C" fn init_data(call: *const abi::hc_call, data: abi::hc_bytes) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent, and lends the bytes.
    let (emitted, data) = unsafe { (emitted(call), borrow(data)) };
    let result = data.and_then(|data| Emitted::set_once(&mut emitted.init_data, data, "init_data"));
    emitted.note(result)
}

unsafe extern "C" fn handshake_data(
    call: *const abi::hc_call,
    data: abi::hc_bytes,
) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent, and lends the bytes.
    let (emitted, data) = unsafe { (emitted(call), borrow(data)) };
    let result = data.and_then(|data| {
        match emitted
            .handshake_data
            .replace(Zeroizing::new(data.to_vec()))
        {
            _ if data.len() > MAX_DATA => Err(Fault::TooMuchData {
                what: "handshake_data",
            }),
            None => Ok(()),
            Some(_) => Err(Fault::EmittedTwice {
                what: "handshake_data",
            }),
        }
    });
    emitted.note(result)
}

unsafe extern "C" fn deadline(call: *const abi::hc_call, at_ns: u64) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent.
    let emitted = unsafe { emitted(call) };
    emitted.deadline = Some(match at_ns {
        abi::HC_NO_DEADLINE => Deadline::Cleared,
        at => Deadline::At(at),
    });
    abi::HC_PENDING
}

unsafe extern "C" fn error(call: *const abi::hc_call, sentence: abi::hc_bytes) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent, and lends the bytes.
    let (emitted, sentence) = unsafe { (emitted(call), borrow(sentence)) };
    let result = sentence.map(|sentence| {
        let sentence = &sentence[..sentence.len().min(MAX_SENTENCE)];
        emitted.sentence = Some(one_line(&String::from_utf8_lossy(sentence)));
    });
    emitted.note(result)
}
