//! What may happen to messages on their way: signalling loses none.
use handclasp::stream::Message;
use std::time::{Duration, Instant};

/// A carrier of messages that delays some and brings some twice.
#[derive(Debug)]
pub struct Post {
    /// Up to this much is added at random, which reorders.
    pub jitter: Duration,
    /// Whether credentials keep their order for each reader, and init data too: what comes again may be late.
    pub keeps_order: bool,
    /// The share of messages that come again.
    pub duplicates: f64,
    /// Up to so much later.
    pub late: Duration,
    random: fastrand::Rng,
    /// When the latest came of those that keep their order, for each reader.
    latest: Vec<Instant>,
}

impl Post {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            jitter: Duration::ZERO,
            keeps_order: true,
            duplicates: 0.0,
            late: Duration::ZERO,
            random: fastrand::Rng::with_seed(seed),
            latest: Vec::new(),
        }
    }

    /// When a message comes that would have come at `at` to `reader`, each time.
    pub(crate) fn deliveries(
        &mut self,
        reader: usize,
        at: Instant,
        message: &Message,
    ) -> Vec<Instant> {
        let mut first = at + self.jitter.mul_f64(self.random.f64());
        let has_order = matches!(
            message,
            Message::SetRemoteCredentials { .. } | Message::SetPeerInitData { .. }
        );
        if has_order && self.keeps_order {
            if self.latest.len() <= reader {
                self.latest.resize(reader + 1, first);
            }
            first = first.max(self.latest[reader]);
            self.latest[reader] = first;
        }
        let mut deliveries = vec![first];
        if self.random.f64() < self.duplicates {
            deliveries.push(first + self.late.mul_f64(self.random.f64()));
        }
        deliveries
    }
}
