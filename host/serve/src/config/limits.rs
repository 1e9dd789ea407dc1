//! `[limits]`: how much there may be of everything.
use super::key::{Key, Section, Visitor};
use super::kind::{Bytes, Lasting, Whole};
use super::value::Always;
use std::time::Duration;

/// How much there may be of everything. What is beyond is refused, and whoever asked is told.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most streams at a time.
    pub max_streams: u32,
    /// Most streams of one client, a connection to the control socket.
    pub max_streams_per_client: u32,
    /// Most streams that are not ready yet.
    pub max_half_open: u32,
    /// How many streams may be opened in a second, in the long run.
    pub opens_per_second: u32,
    /// How many may be opened at once.
    pub open_burst: u32,
    /// With loops further behind than this no stream is opened.
    pub max_lag: Duration,
    /// Bytes of events that wait for their clients.
    pub event_memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_streams: 10_000,
            max_streams_per_client: 10_000,
            max_half_open: 1_000,
            opens_per_second: 2000,
            open_burst: 4000,
            max_lag: Duration::from_millis(100),
            event_memory: 64 << 20,
        }
    }
}

impl Section for Limits {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        let streams = || Whole(1..=1_000_000);
        visitor.key(
            Key::new("max-streams", "How many streams there may be at a time."),
            &mut Always(streams(), &mut self.max_streams),
        );
        visitor.key(
            Key::new(
                "max-streams-per-client",
                "How many of them one program may have.",
            ),
            &mut Always(streams(), &mut self.max_streams_per_client),
        );
        visitor.key(
            Key::new("max-half-open", "How many of them may not be ready yet."),
            &mut Always(streams(), &mut self.max_half_open),
        );
        visitor.key(
            Key::new(
                "opens-per-second",
                "How many streams may be opened in a second, in the long run.",
            ),
            &mut Always(streams(), &mut self.opens_per_second),
        );
        visitor.key(
            Key::new(
                "open-burst",
                "How many streams may be opened at once, after a time with fewer.",
            ),
            &mut Always(streams(), &mut self.open_burst),
        );
        visitor.key(
            Key::new(
                "max-lag",
                "How late the event loops may be; while one is later, no stream is opened on it.",
            ),
            &mut Always(
                Lasting(Duration::from_millis(1)..=Duration::from_secs(60)),
                &mut self.max_lag,
            ),
        );
        visitor.key(
            Key::new(
                "event-memory",
                "How many bytes of events may wait for programs that read too slowly.",
            ),
            &mut Always(Bytes(64 << 10..=16 << 30), &mut self.event_memory),
        );
    }
}
