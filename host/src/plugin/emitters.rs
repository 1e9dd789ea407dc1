//! The emitters of `hc_call`: what a plugin calls while it is called.
use super::collector::{Collector, one_line};
use super::effects::Deadline;
use super::fault::Fault;
use handclasp_abi as abi;

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
const MAX_DATA: usize = 64 * 1024;
/// Most bytes of a sentence that are kept.
const MAX_SENTENCE: usize = 1024;

/// Where a call's emissions go; nowhere if the plugin names no call.
///
/// # Safety
/// `call` was made by [`Collector::table`], and its `Collector` is borrowed by nobody while the plugin runs; or it is null.
unsafe fn collector<'a>(call: *const abi::hc_call) -> Option<&'a mut Collector> {
    // SAFETY: `table` put the pointer there, and whoever lends it waits for the plugin's return before
    // touching it again. A plugin emits from within its call only: that is the contract's [in-call] tag.
    let collector = unsafe { &mut *call.as_ref()?.ctx.cast::<Collector>() };
    collector.spoke = true;
    Some(collector)
}

/// Judges a length before anything is done with the bytes: it may say what it likes.
fn at_most(bytes: abi::hc_bytes, most: usize, longer: Fault) -> Result<abi::hc_bytes, Fault> {
    match bytes.len <= most {
        true => Ok(bytes),
        false => Err(longer),
    }
}

/// # Safety
/// `bytes` is readable for `'a`, or null.
unsafe fn borrow<'a>(bytes: abi::hc_bytes) -> Result<&'a [u8], Fault> {
    match (bytes.data.is_null(), bytes.len) {
        (_, 0) => Ok(&[]),
        (true, len) => Err(Fault::NullWithLength { len }),
        // SAFETY: not null, and the plugin lends `len` bytes for the length of this emitter's run.
        (false, len) => Ok(unsafe { std::slice::from_raw_parts(bytes.data, len) }),
    }
}

unsafe extern "C" fn packet(call: *const abi::hc_call, datagram: abi::hc_bytes) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent.
    let Some(collector) = (unsafe { collector(call) }) else {
        return abi::HC_ERROR_BAD_STATE;
    };
    let (len, mtu) = (datagram.len, collector.mtu);
    let result = at_most(datagram, mtu, Fault::Oversized { len, mtu })
        // SAFETY: the plugin lends the bytes.
        .and_then(|datagram| unsafe { borrow(datagram) })
        .and_then(|datagram| collector.push_packet(datagram));
    collector.note(result)
}

unsafe extern "C" fn init_data(call: *const abi::hc_call, data: abi::hc_bytes) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent, and lends the bytes.
    unsafe {
        set_once(call, data, "init_data", |collector| {
            &mut collector.effects.init_data
        })
    }
}

unsafe extern "C" fn handshake_data(
    call: *const abi::hc_call,
    data: abi::hc_bytes,
) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent, and lends the bytes.
    unsafe {
        set_once(call, data, "handshake_data", |collector| {
            &mut collector.handshake_data
        })
    }
}

/// Copies data that a call may emit once.
///
/// # Safety
/// As for [`collector`] and [`borrow`].
unsafe fn set_once<T: From<Vec<u8>>>(
    call: *const abi::hc_call,
    data: abi::hc_bytes,
    what: &'static str,
    slot: impl FnOnce(&mut Collector) -> &mut Option<T>,
) -> abi::hc_status {
    // SAFETY: the caller's promise.
    let Some(collector) = (unsafe { collector(call) }) else {
        return abi::HC_ERROR_BAD_STATE;
    };
    let result = at_most(data, MAX_DATA, Fault::TooMuchData { what })
        // SAFETY: the caller's promise.
        .and_then(|data| unsafe { borrow(data) })
        .and_then(|data| match slot(collector).replace(data.to_vec().into()) {
            None => Ok(()),
            Some(_) => Err(Fault::EmittedTwice { what }),
        });
    collector.note(result)
}

unsafe extern "C" fn deadline(call: *const abi::hc_call, at_ns: u64) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent.
    let Some(collector) = (unsafe { collector(call) }) else {
        return abi::HC_ERROR_BAD_STATE;
    };
    collector.effects.deadline = Some(match at_ns {
        abi::HC_NO_DEADLINE => Deadline::Cleared,
        at => Deadline::At(at),
    });
    abi::HC_PENDING
}

unsafe extern "C" fn error(call: *const abi::hc_call, sentence: abi::hc_bytes) -> abi::hc_status {
    // SAFETY: the plugin hands back the table it was lent.
    let Some(collector) = (unsafe { collector(call) }) else {
        return abi::HC_ERROR_BAD_STATE;
    };
    let sentence = abi::hc_bytes {
        len: sentence.len.min(MAX_SENTENCE),
        ..sentence
    };
    // SAFETY: the plugin lends the bytes.
    let result = unsafe { borrow(sentence) }.map(|sentence| {
        collector.effects.sentence = Some(one_line(&String::from_utf8_lossy(sentence)));
    });
    collector.note(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: usize = 1200;
    static BYTES: [u8; MAX_DATA] = [b'x'; MAX_DATA];

    type Emitter =
        Option<unsafe extern "C" fn(*const abi::hc_call, abi::hc_bytes) -> abi::hc_status>;

    /// What this emitter answers to so many bytes, and what is kept.
    fn emit(emitter: Emitter, data: *const u8, len: usize) -> (abi::hc_status, Collector) {
        let mut collector = Collector::new(MTU as u16);
        let table = collector.table(7);
        let emitter = emitter.expect("the table is full");
        // SAFETY: the table is of this call; no more is read of the bytes than there are, which is what is tested.
        let answer = unsafe { emitter(&table, abi::hc_bytes { data, len }) };
        (answer, collector)
    }

    #[test]
    fn a_length_is_judged_before_anything_is_copied() {
        for len in [MAX_DATA + 1, 1 << 46, isize::MAX as usize, usize::MAX] {
            for (emitter, fault) in [
                (EMITTERS.packet, Fault::Oversized { len, mtu: MTU }),
                (EMITTERS.init_data, Fault::TooMuchData { what: "init_data" }),
                (
                    EMITTERS.handshake_data,
                    Fault::TooMuchData {
                        what: "handshake_data",
                    },
                ),
            ] {
                let (answer, collected) = emit(emitter, BYTES.as_ptr(), len);
                assert_eq!(answer, abi::HC_ERROR_BAD_STATE);
                assert_eq!(collected.fault, Some(fault));
                assert_eq!(collected.effects.packets().count(), 0);
                assert!(
                    collected.effects.init_data.is_none() && collected.handshake_data.is_none()
                );
            }
            let (answer, collected) = emit(EMITTERS.error, BYTES.as_ptr(), len);
            assert_eq!(answer, abi::HC_PENDING);
            assert_eq!(
                collected.effects.sentence.map(|kept| kept.len()),
                Some(MAX_SENTENCE)
            );
        }
    }

    #[test]
    fn without_a_call_nothing_is_emitted() {
        let (none, bytes) = (
            std::ptr::null(),
            abi::hc_bytes {
                data: BYTES.as_ptr(),
                len: 1,
            },
        );
        for emitter in [
            EMITTERS.packet,
            EMITTERS.init_data,
            EMITTERS.handshake_data,
            EMITTERS.error,
        ] {
            // SAFETY: null is what is tested, and the bytes outlive the call.
            let answer = unsafe { (emitter.expect("the table is full"))(none, bytes) };
            assert_eq!(answer, abi::HC_ERROR_BAD_STATE);
        }
        // SAFETY: as above.
        let answer = unsafe { (EMITTERS.deadline.expect("the table is full"))(none, 1) };
        assert_eq!(answer, abi::HC_ERROR_BAD_STATE);
    }

    #[test]
    fn a_null_has_no_length() {
        for emitter in [
            EMITTERS.packet,
            EMITTERS.init_data,
            EMITTERS.handshake_data,
            EMITTERS.error,
        ] {
            assert_eq!(emit(emitter, std::ptr::null(), 0).0, abi::HC_PENDING);
            let (answer, collected) = emit(emitter, std::ptr::null(), 4);
            assert_eq!(answer, abi::HC_ERROR_BAD_STATE);
            assert_eq!(collected.fault, Some(Fault::NullWithLength { len: 4 }));
        }
    }

    #[test]
    fn what_is_allowed_is_kept() {
        let (answer, collected) = emit(EMITTERS.packet, BYTES.as_ptr(), MTU);
        assert_eq!(answer, abi::HC_PENDING);
        assert!(collected.effects.packets().eq([&BYTES[..MTU]]));
        let (answer, collected) = emit(EMITTERS.init_data, BYTES.as_ptr(), MAX_DATA);
        assert_eq!(
            (answer, collected.effects.init_data.as_deref()),
            (abi::HC_PENDING, Some(&BYTES[..]))
        );
        let (answer, collected) = emit(EMITTERS.handshake_data, BYTES.as_ptr(), MAX_DATA);
        assert_eq!(answer, abi::HC_PENDING);
        assert_eq!(
            collected.handshake_data.as_deref().map(Vec::as_slice),
            Some(&BYTES[..])
        );
    }
}
