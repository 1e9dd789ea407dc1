//! What is dropped, of all streams together.
use super::drops::Cause;
use std::sync::atomic::{AtomicU64, Ordering};

/// Datagrams that were dropped for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Why: the [kind](Cause::kind) of a cause.
    pub cause: &'static str,
    /// How many.
    pub datagrams: u64,
}

/// Counts them, on any thread.
#[derive(Debug, Default)]
pub struct DropCounter([AtomicU64; Cause::KINDS.len()]);

impl DropCounter {
    pub(super) fn add(&self, cause: Cause) {
        let kind = cause.kind();
        let index = Cause::KINDS.iter().position(|known| *known == kind);
        if let Some(count) = index.and_then(|index| self.0.get(index)) {
            // Statistics: nothing is read in an order with other memory.
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All causes there are. What came [ahead](Cause::Ahead) counts as unverified: that is all that is known of it when it
    /// is dropped.
    pub fn read(&self) -> Vec<Dropped> {
        let counts = Cause::KINDS.iter().zip(&self.0);
        let all = counts.map(|(cause, count)| Dropped {
            cause,
            datagrams: count.load(Ordering::Relaxed),
        });
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_counted_as_its_kind() {
        let counter = DropCounter::default();
        let causes = [
            Cause::NoRoom,
            Cause::PeerUnknown,
            Cause::FirstByte(7),
            Cause::NotHandshake,
            Cause::TooEarly,
            Cause::Unverified,
            Cause::Unsent,
            Cause::SlowRelay,
            Cause::Ended,
        ];
        for cause in causes {
            counter.add(cause);
        }
        assert_eq!(counter.read().len(), causes.len());
        assert!(counter.read().iter().all(|dropped| dropped.datagrams == 1));
    }
}
