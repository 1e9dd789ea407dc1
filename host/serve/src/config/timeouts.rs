//! `[timeouts]`: how long everything may take.
use super::key::{Key, Section, Visitor};
use super::kind::Lasting;
use super::value::Always;
use handclasp::stream::TIMEOUT;
use std::time::Duration;

/// How long everything may take.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// A call of a plugin's `init`, from when it is due.
    pub init: Duration,
    /// A handshake, from when ICE has selected a pair.
    pub handshake: Duration,
    /// ICE, from the peer's credentials and first candidate on.
    pub ice: Duration,
    /// Streams, from when the daemon is to end or their plugin is to go.
    pub drain: Duration,
    /// The daemon's last steps, from when its streams have been told to stop.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self {
            init: half_a_minute,
            handshake: half_a_minute,
            ice: half_a_minute,
            drain: Duration::from_secs(300),
            stop: Duration::from_secs(5),
        }
    }
}

impl Section for Timeouts {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        let any = || Lasting(Duration::ZERO..=*TIMEOUT.end());
        visitor.key(
            Key::new(
                "init",
                "How long a plugin may take to make an instance, from when it is due.",
            ),
            &mut Always(Lasting(TIMEOUT), &mut self.init),
        );
        visitor.key(
            Key::new(
                "handshake",
                "How long a handshake may take, from when ICE has selected a pair.",
            ),
            &mut Always(Lasting(TIMEOUT), &mut self.handshake),
        );
        visitor.key(
            Key::new("ice", "How long ICE may look for a pair, from the peer's credentials and first candidate on, and again from when the peer is disconnected."),
            &mut Always(Lasting(TIMEOUT), &mut self.ice),
        );
        visitor.key(
            Key::new("drain", "How long streams may go on when the daemon is to end, or when their plugin is to be removed."),
            &mut Always(any(), &mut self.drain),
        );
        visitor.key(
            Key::new(
                "stop",
                "How long streams and programs have to end once they are told to.",
            ),
            &mut Always(any(), &mut self.stop),
        );
    }
}
