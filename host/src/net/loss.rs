//! Datagrams dropped on purpose, to see what a lossy network does.

/// Drops a share of what a stream sends, ICE's, the handshake's and the application's alike.
#[derive(Clone, Debug)]
pub struct Loss {
    percent: f64,
    /// Drop if the next draw is below this.
    threshold: u64,
    state: u64,
}

impl Loss {
    /// Drops `percent` of all datagrams, 0 to 100, which [`Host::open`](crate::Host::open) checks; the same seed drops
    /// the same ones.
    pub fn new(percent: f64, seed: u64) -> Self {
        let share = percent.clamp(0.0, 100.0) / 100.0;
        Self {
            percent,
            threshold: (share * u64::MAX as f64) as u64,
            state: seed,
        }
    }

    /// The share that was asked for, if it is none from 0 to 100 percent.
    pub(crate) fn wrong_percent(&self) -> Option<f64> {
        let is_share = (0.0..=100.0).contains(&self.percent);
        (!is_share).then_some(self.percent)
    }

    /// Whether the next datagram is lost.
    pub fn drops(&mut self) -> bool {
        self.threshold > 0 && self.draw() <= self.threshold
    }

    /// SplitMix64: small, seedable, and no use for secrets.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::Loss;

    #[test]
    fn drops_the_share_it_was_told() {
        for percent in [0.0, 10.0, 30.0, 100.0] {
            let mut loss = Loss::new(percent, 7);
            let dropped = (0..100_000).filter(|_| loss.drops()).count() as f64 / 1000.0;
            assert!(
                (dropped - percent).abs() < 0.5,
                "{dropped} % instead of {percent} %"
            );
        }
    }

    #[test]
    fn the_same_seed_drops_the_same_datagrams() {
        let draw = |seed| -> Vec<bool> {
            let mut loss = Loss::new(30.0, seed);
            (0..64).map(|_| loss.drops()).collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
