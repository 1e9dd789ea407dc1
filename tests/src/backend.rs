//! Who carries out the calls into plugins, and when.
use handclasp::plugin::{Completion, InProcess, Plugin, Request};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A backend. Calls into one instance never overlap; between instances there is no order.
#[derive(Debug)]
pub struct Backend {
    /// Each half of a call's way, there and back, takes from one of these to the other; nothing if calls complete at
    /// once.
    takes: Option<[Duration; 2]>,
    batches: bool,
    /// The instances of each side.
    calls: Vec<InProcess>,
    random: fastrand::Rng,
    held: Vec<Held>,
    under_way: BTreeMap<(Instant, u64), (usize, UnderWay)>,
    asked: u64,
}

#[derive(Debug)]
struct Held {
    side: usize,
    call: &'static str,
    until: Instant,
}

#[derive(Debug)]
enum UnderWay {
    There(Box<Request>),
    Back(Box<Completion>),
}

impl Backend {
    /// Carries out each call on the spot, as an event loop does in its own process.
    pub fn immediate() -> Self {
        Self {
            takes: None,
            batches: false,
            calls: Vec::new(),
            random: fastrand::Rng::with_seed(0),
            held: Vec::new(),
            under_way: BTreeMap::new(),
            asked: 0,
        }
    }

    /// Takes its time, as worker processes do: up to twice `up_to` for a call.
    pub fn delayed(seed: u64, up_to: Duration) -> Self {
        Self {
            takes: Some([Duration::ZERO, up_to]),
            random: fastrand::Rng::with_seed(seed),
            ..Self::immediate()
        }
    }

    /// Takes twice `half` for each call: with more than the network's way there and back, what the peer says next
    /// comes before a call is over.
    pub fn slow(half: Duration) -> Self {
        Self {
            takes: Some([half; 2]),
            ..Self::immediate()
        }
    }

    /// Takes about 50 ms for each call, as worker processes under load do: which of several instances is answered first
    /// is chance.
    pub fn laggard(seed: u64) -> Self {
        Self {
            takes: Some([20, 30].map(Duration::from_millis)),
            random: fastrand::Rng::with_seed(seed),
            ..Self::immediate()
        }
    }

    /// Begins no call of a side's before it has everything that arrives at that time, as an event loop does.
    #[must_use]
    pub fn in_batches(mut self) -> Self {
        self.batches = true;
        self
    }

    pub(crate) fn batches(&self) -> bool {
        self.batches
    }

    /// Begins no such call of a side's before `until`.
    pub(crate) fn hold(&mut self, side: usize, call: &'static str, until: Instant) {
        self.held.push(Held { side, call, until });
    }

    /// One more side, whose plugin is this.
    pub(crate) fn add(&mut self, plugin: &Arc<Plugin>) {
        self.calls.push(InProcess::new(Arc::clone(plugin)));
    }

    /// Takes a request over; returns its completion if it is there at once.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        now_ns: u64,
        side: usize,
        request: Request,
    ) -> Option<Completion> {
        let name = request.call.name().as_str();
        let held = self
            .held
            .iter()
            .find(|held| held.side == side && held.call == name && held.until > now);
        let starts = match (held.map(|held| held.until), self.takes) {
            (None, None) => return Some(self.calls[side].run(request, now_ns)),
            (Some(until), _) => until,
            (None, Some(_)) => now + self.delay(),
        };
        self.put(starts, side, UnderWay::There(Box::new(request)));
        None
    }

    /// What is complete by `now`.
    pub(crate) fn complete(&mut self, now: Instant, now_ns: u64) -> Option<(usize, Completion)> {
        loop {
            let first = self.under_way.first_entry()?;
            if first.key().0 > now {
                return None;
            }
            match first.remove() {
                (side, UnderWay::There(request)) => {
                    let completion = Box::new(self.calls[side].run(*request, now_ns));
                    let returns = now + self.delay();
                    self.put(returns, side, UnderWay::Back(completion));
                }
                (side, UnderWay::Back(completion)) => return Some((side, *completion)),
            }
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|key| key.0)
    }

    fn put(&mut self, at: Instant, side: usize, call: UnderWay) {
        self.asked += 1;
        self.under_way.insert((at, self.asked), (side, call));
    }

    fn delay(&mut self) -> Duration {
        let [from, to] = self.takes.unwrap_or_default();
        from + (to - from).mul_f64(self.random.f64())
    }
}
