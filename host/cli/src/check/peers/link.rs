use super::MILLISECOND;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What a network does to datagrams.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// Percent lost, each way.
    pub(crate) loss: u8,
    /// Percent that arrive twice.
    pub(crate) duplicated: u8,
    /// Nanoseconds from one side to the other; where they differ, datagrams overtake each other.
    pub(crate) delay: RangeInclusive<u64>,
}

impl Weather {
    pub(crate) const FAIR: Self = Self {
        loss: 0,
        duplicated: 0,
        delay: 10 * MILLISECOND..=10 * MILLISECOND,
    };

    pub(crate) fn with_loss(percent: u8) -> Self {
        Self {
            loss: percent,
            delay: 5 * MILLISECOND..=30 * MILLISECOND,
            ..Self::FAIR
        }
    }
}

/// Datagrams on their way.
#[derive(Debug)]
pub(super) struct Link {
    weather: Weather,
    random: fastrand::Rng,
    /// By arrival, then in the order of sending.
    on_the_way: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    /// Put on its way, copies included.
    put: u64,
    offered: u64,
}

/// Most datagrams on their way: two plugins that answer each datagram with several would never end.
const CAPACITY: usize = 4096;

impl Link {
    pub(super) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            random: fastrand::Rng::with_seed(seed),
            on_the_way: BTreeMap::new(),
            put: 0,
            offered: 0,
        }
    }

    /// Puts a datagram on its way; returns how often it will arrive.
    pub(super) fn send(&mut self, now: u64, to: usize, datagram: Vec<u8>) -> u32 {
        self.offered += 1;
        if self.random.u8(..100) < self.weather.loss {
            return 0;
        }
        let copies = match self.random.u8(..100) < self.weather.duplicated {
            true => 2,
            false => 1,
        };
        for _ in 1..copies {
            self.put(now, to, datagram.clone());
        }
        self.put(now, to, datagram);
        copies
    }

    fn put(&mut self, now: u64, to: usize, datagram: Vec<u8>) {
        if self.on_the_way.len() < CAPACITY {
            let delay = self.random.u64(self.weather.delay.clone());
            self.put += 1;
            self.on_the_way
                .insert((now + delay, self.put), (to, datagram));
        }
    }

    /// How many datagrams were sent, lost ones included.
    pub(super) fn offered(&self) -> u64 {
        self.offered
    }

    /// When the next datagram arrives.
    pub(super) fn due(&self) -> Option<u64> {
        self.on_the_way.keys().next().map(|&(at, _)| at)
    }

    /// The next datagram that has arrived, and to which side.
    pub(super) fn arrived(&mut self, now: u64) -> Option<(usize, Vec<u8>)> {
        let next = self.on_the_way.first_entry()?;
        (next.key().0 <= now).then(|| next.remove())
    }

    /// What is on its way, the next first.
    pub(super) fn on_the_way(&self) -> impl Iterator<Item = &(usize, Vec<u8>)> {
        self.on_the_way.values()
    }
}
