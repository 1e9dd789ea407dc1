//! What a plugin says during a call: the emitters of `hc_call`, and what they collect.
use super::fault::Fault;
use handclasp_abi as abi;
use zeroize::Zeroizing;

/// The calls into a plugin, by the names of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the contract's
pub enum CallName {
    Load,
    Init,
    SetPeer,
    ConnectionReady,
    RecvFromPeer,
    OnDeadline,
    OnWake,
    Close,
    Exporter,
}

impl CallName {
    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Init => "init",
            Self::SetPeer => "set_peer",
            Self::ConnectionReady => "connection_ready",
            Self::RecvFromPeer => "recv_from_peer",
            Self::OnDeadline => "on_deadline",
            Self::OnWake => "on_wake",
            Self::Close => "close",
            Self::Exporter => "exporter",
        }
    }
}

/// What a call asked of the instance's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Call `on_deadline` at this time, in nanoseconds on the host's clock.
    At(u64),
    /// Forget the deadline set before.
    Cleared,
}

/// Everything a plugin emitted in one call. Reused from call to call.
#[derive(Debug)]
pub struct Emitted {
    /// What is lent to the plugin; written once, but for its time and place.
    table: abi::hc_call,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// What the peer has to know; only from `init`.
    pub init_data: Option<Vec<u8>>,
    /// What was agreed on; only from the call that finished.
    pub handshake_data: Option<Zeroizing<Vec<u8>>>,
    /// What became of the deadline, if it was touched.
    pub deadline: Option<Deadline>,
    /// A failure's reason, else a warning.
    pub sentence: Option<String>,
    pub(super) fault: Option<Fault>,
    mtu: usize,
    /// Whether the plugin has used an emitter in this call.
    spoke: bool,
}

// SAFETY: the table's `ctx` is written before each call and read only during it, on the calling thread.
unsafe impl Send for Emitted {}

impl Default for Emitted {
    fn default() -> Self {
        Self {
            table: EMITTERS,
            bytes: Vec::new(),
            ends: Vec::new(),
            init_data: None,
            handshake_data: None,
            deadline: None,
            sentence: None,
            fault: None,
            mtu: 0,
            spoke: false,
        }
    }
}

impl Emitted {
    /// The datagrams to send, in order.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }

    #[inline]
    pub(super) fn begin(&mut self, mtu: u32) {
        if self.spoke {
            self.forget();
        }
        self.mtu = mtu as usize;
    }

    #[cold]
    fn forget(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        *self = Self {
            bytes: std::mem::take(&mut self.bytes),
            ends: std::mem::take(&mut self.ends),
            ..Self::default()
        };
    }

    /// Whether the plugin has used an emitter in this call.
    #[inline]
    pub(super) fn spoke(&self) -> bool {
        self.spoke
    }

    /// The table to lend to a plugin for one call. Nothing else is done with `self` until that call is over.
    #[inline]
    pub(super) fn lend(&mut self, now_ns: u64) -> *const abi::hc_call {
        self.table.now_ns = now_ns;
        let place: *mut Self = self;
        // SAFETY: `place` is this very value; the table in it finds the way back to the whole.
        unsafe {
            (*place).table.ctx = place.cast();
            &raw const (*place).table
        }
    }

    fn push_packet(&mut self, datagram: &[u8]) -> Result<(), Fault> {
        if datagram.is_empty() {
            return Ok(()); // an empty packet is not sent
        }
        if datagram.len() > self.mtu {
            return Err(Fault::Oversized {
                len: datagram.len(),
                mtu: self.mtu,
            });
        }
        if self.ends.len() == abi::HC_MAX_PACKETS as usize
            || self.bytes.len() + datagram.len() > abi::HC_MAX_PACKET_BYTES as usize
        {
            return Err(Fault::TooManyPackets);
        }
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
        Ok(())
    }

    fn set_once(slot: &mut Option<Vec<u8>>, data: &[u8], what: &'static str) -> Result<(), Fault> {
        if data.len() > MAX_DATA {
            return Err(Fault::TooMuchData { what });
        }
        match slot.replace(data.to_vec()) {
            None => Ok(()),
            Some(_) => Err(Fault::EmittedTwice { what }),
        }
    }

    fn note(&mut self, result: Result<(), Fault>) -> abi::hc_status {
        match result {
            Ok(()) => abi::HC_PENDING,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                abi::HC_ERROR_BAD_STATE
            }
        }
    }
}

/// The table as it is but for its time and place.
const EMITTERS: abi::hc_call = abi::hc_call {
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

/// A sentence for a log or a terminal: what a plugin wrote, without control characters.
pub(super) fn one_line(text: &str) -> String {
    let printable: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    printable.trim().to_owned()
}
