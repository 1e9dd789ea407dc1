//! The simulated network.
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A datagram on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Who sent it.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What is in it.
    pub contents: Vec<u8>,
}

/// What lies between the sides of a world.
pub struct Link {
    /// How long a datagram takes.
    pub latency: Duration,
    /// Up to this much is added at random, which reorders.
    pub jitter: Duration,
    /// The share of datagrams that are lost, each way.
    pub loss: f64,
    /// The share of datagrams that come twice.
    pub duplicates: f64,
    /// Loses those for which it returns true.
    pub drops: Box<dyn FnMut(&Flight) -> bool>,
    random: fastrand::Rng,
    /// By arrival and, where two arrive at once, by departure.
    flying: BTreeMap<(Instant, u64), Flight>,
    sent: u64,
}

impl Link {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicates: 0.0,
            drops: Box::new(|_| false),
            random: fastrand::Rng::with_seed(seed),
            flying: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Loses 30 % each way, reorders and duplicates.
    pub fn make_bad(&mut self) {
        self.loss = 0.3;
        self.jitter = Duration::from_millis(30);
        self.duplicates = 0.1;
    }

    pub(crate) fn send(&mut self, now: Instant, flight: Flight) {
        if self.random.f64() < self.loss || (self.drops)(&flight) {
            return;
        }
        let copies = 1 + u64::from(self.random.f64() < self.duplicates);
        for _ in 0..copies {
            self.sent += 1;
            let arrival = now + self.latency + self.jitter.mul_f64(self.random.f64());
            self.flying.insert((arrival, self.sent), flight.clone());
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.flying.keys().next().map(|key| key.0)
    }

    pub(crate) fn arrive(&mut self, now: Instant) -> Option<Flight> {
        let first = self.flying.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("flying", &self.flying.len())
            .finish_non_exhaustive()
    }
}
