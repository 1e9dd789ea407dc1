//! What a plugin says during a call: what the emitters collect.
use super::effects::Effects;
use super::emitters::EMITTERS;
use super::fault::Fault;
use crate::printable;
use handclasp_abi as abi;
use std::cell::Cell;
use std::fmt;
use std::ptr;
use zeroize::Zeroizing;

/// Collects what a plugin says in one call.
#[derive(Default)]
pub(super) struct Collector {
    pub(super) effects: Effects,
    /// What was agreed on; only from the call that finished.
    pub(super) handshake_data: Option<Zeroizing<Vec<u8>>>,
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
impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("effects", &self.effects)
            .finish_non_exhaustive()
    }
}

/// Most bytes of lines that are held during a call, each with what holding it takes; more are told at once.
const MAX_HELD: usize = 64 * 1024;
const HOLDING: usize = 64;

thread_local! {
    /// What the call collects that this thread is in. Without a destructor: it is there as long as the thread.
    static CALL: Cell<*mut Collector> = const { Cell::new(ptr::null_mut()) };
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
    let collector = CALL.get();
    if collector.is_null() {
        return false;
    }
    // SAFETY: not null, so it is that of a table that [`Collector::table`] made, for the call that this thread is in: as
    // with the emitters, nobody else touches it before that is over.
    let collector = unsafe { &mut *collector };
    let cost = |said: &[u8]| said.len() + HOLDING;
    let held: usize = collector.logged.iter().map(|line| cost(&line.said)).sum();
    if held + cost(said) > MAX_HELD {
        return false;
    }
    collector.spoke = true;
    let said = Zeroizing::new(said.to_vec());
    collector.logged.push(Logged { level, said });
    true
}

impl Collector {
    pub(super) fn new(mtu: u16) -> Self {
        Self {
            mtu: mtu.into(),
            ..Self::default()
        }
    }

    /// Whether the plugin has used an emitter in this call.
    #[inline]
    pub(super) fn spoke(&self) -> bool {
        self.spoke
    }

    /// Hands over what was collected, which has been judged, and is ready for the next call.
    pub(super) fn hand_over(&mut self, effects: &mut Effects) {
        effects.take(&mut self.effects);
        self.logged.clear();
        self.fault = None;
        self.spoke = false;
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
        // An empty packet is not sent.
        match datagram.is_empty() || self.effects.push_packet(datagram) {
            true => Ok(()),
            false => Err(Fault::TooManyPackets),
        }
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
