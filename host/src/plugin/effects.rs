//! What a call into a plugin brings about, checked: all of it is plain data.
use handclasp_abi as abi;
use std::fmt;

/// What a call asked of the instance's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Call `on_deadline` at this time, in nanoseconds on the host's clock.
    At(u64),
    /// Forget the deadline set before.
    Cleared,
}

/// What a call brought about beside its outcome.
#[derive(Default)]
pub struct Effects {
    bytes: Vec<u8>,
    /// Where each packet ends in `bytes`.
    ends: Vec<usize>,
    /// What the peer has to know; only from `init`.
    pub init_data: Option<Vec<u8>>,
    /// What became of the deadline, if it was touched.
    pub deadline: Option<Deadline>,
    /// A warning; a failure's reason stands in the failure.
    pub sentence: Option<String>,
    /// Whether a call has left something here.
    used: bool,
}

/// Without what stands in packets.
impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects")
            .field("packets", &self.ends.len())
            .field("init_data", &self.init_data)
            .field("deadline", &self.deadline)
            .field("sentence", &self.sentence)
            .finish_non_exhaustive()
    }
}

impl Effects {
    /// The datagrams to send, in order.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }

    /// Takes a datagram to send; false if it is one more than a call may emit.
    pub(super) fn push_packet(&mut self, datagram: &[u8]) -> bool {
        let has_room = self.ends.len() < abi::HC_MAX_PACKETS as usize
            && self.bytes.len() + datagram.len() <= abi::HC_MAX_PACKET_BYTES as usize;
        if has_room {
            self.bytes.extend_from_slice(datagram);
            self.ends.push(self.bytes.len());
        }
        has_room
    }

    /// Forgets the last call's.
    #[inline]
    pub(super) fn begin(&mut self) {
        if self.used {
            *self = Self::default();
        }
    }

    /// Takes what a call has left with its collector, which keeps no memory: most instances that are there have finished.
    pub(super) fn take(&mut self, collected: &mut Self) {
        *self = std::mem::take(collected);
        self.used = true;
    }
}
