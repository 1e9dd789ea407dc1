//! What a plugin says during a call: what the emitters collect.
use super::emitters::EMITTERS;
use super::fault::Fault;
use crate::printable;
use handclasp_abi as abi;
use std::cell::Cell;
use std::fmt;
use std::ptr;
use zeroize::Zeroizing;

/// What a call asked of the instance's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Call `on_deadline` at this time, in nanoseconds on the host's clock.
    At(u64),
    /// Forget the deadline set before.
    Cleared,
}

/// Everything a plugin emitted in one call. Reused from call to call.
#[derive(Default)]
pub struct Emitted {
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
    /// What it logged on the thread that calls it: which secrets there are is known once the call is over.
    pub(super) logged: Vec<Logged>,
    pub(super) fault: Option<Fault>,
    pub(super) mtu: usize,
    /// Whether the plugin has used an emitter in this call.
    pub(super) spoke: bool,
}

/// A line that was logged.
pub(super) struct Logged {
    pub(super) level: u32,
    pub(super) said: Zeroizing<Vec<u8>>,
}

/// Without what was agreed on, packets and what was logged.
impl fmt::Debug for Emitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitted")
            .field("packets", &self.ends.len())
            .field("init_data", &self.init_data)
            .field("deadline", &self.deadline)
            .field("sentence", &self.sentence)
            .finish_non_exhaustive()
    }
}

/// Most bytes of lines that are held during a call, each with what holding it takes; more are told at once.
const MAX_HELD: usize = 64 * 1024;
const HOLDING: usize = 64;

thread_local! {
    /// What the call collects that this thread is in. Without a destructor: it is there as long as the thread.
    static CALL: Cell<*mut Emitted> = const { Cell::new(ptr::null_mut()) };
}

/// This thread is in a call until this is dropped: what the plugin logs on it is held.
pub(super) struct InCall(());

impl InCall {
    /// The table is the one that is lent to the plugin.
    #[inline]
    pub(super) fn enter(table: &abi::hc_call) -> Self {
        CALL.set(table.ctx.cast());
        Self(())
    }
}

impl Drop for InCall {
    #[inline]
    fn drop(&mut self) {
        CALL.set(ptr::null_mut());
    }
}

/// Holds what a plugin logs, if this thread is in a call of it whose lines are held.
pub(super) fn hold(level: u32, said: &[u8]) -> bool {
    let emitted = CALL.get();
    if emitted.is_null() {
        return false;
    }
    // SAFETY: not null, so it is that of a table that [`Emitted::table`] made, for the call that this thread is in: as
    // with the emitters, nobody else touches it before that is over.
    let emitted = unsafe { &mut *emitted };
    let cost = |said: &[u8]| said.len() + HOLDING;
    let held: usize = emitted.logged.iter().map(|line| cost(&line.said)).sum();
    if held + cost(said) > MAX_HELD {
        return false;
    }
    emitted.spoke = true;
    let said = Zeroizing::new(said.to_vec());
    emitted.logged.push(Logged { level, said });
    true
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

    /// The table to lend to a plugin for one call: the emitters find this value by it. Nothing else is done with `self`
    /// until that call is over.
    #[inline]
    pub(super) fn table(&mut self, now_ns: u64) -> abi::hc_call {
        abi::hc_call {
            now_ns,
            ctx: std::ptr::from_mut(self).cast(),
            ..EMITTERS
        }
    }

    /// Takes a datagram that is no longer than the MTU.
    pub(super) fn push_packet(&mut self, datagram: &[u8]) -> Result<(), Fault> {
        if datagram.is_empty() {
            return Ok(()); // an empty packet is not sent
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

    pub(super) fn note(&mut self, result: Result<(), Fault>) -> abi::hc_status {
        match result {
            Ok(()) => abi::HC_PENDING,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                abi::HC_ERROR_BAD_STATE
            }
        }
    }
}

/// A sentence for a log or a terminal: what a plugin wrote, without control characters.
pub(super) fn one_line(text: &str) -> String {
    printable(text.trim_matches(|c: char| c.is_control() || c.is_whitespace()))
}
