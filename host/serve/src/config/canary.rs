//! `[plugins.canary]`: how a new version of a plugin is tried on a few streams first.
use super::key::{Key, Section, Visitor};
use super::kind::{Lasting, Percent, Share, Whole};
use super::value::Always;
use std::time::Duration;

/// How a new version of a plugin is tried on a few streams first.
#[derive(Clone, Debug)]
pub struct Canary {
    /// How many of the new streams get the new version; 0 % for none, 100 % for all at once.
    pub share: Share,
    /// By how much more of its handshakes may fail than of the old version's.
    pub margin: Share,
    /// How many handshakes of the new version must have ended before it is judged.
    pub min_streams: u32,
    /// How long it is tried at least.
    pub duration: Duration,
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            share: Share::percent(100),
            margin: Share::percent(2),
            min_streams: 50,
            duration: Duration::from_secs(120),
        }
    }
}

impl Section for Canary {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        visitor.key(
            Key::new("share", "How many of the new streams get the new version while it is tried, such as \"5%\". With 100% it is not tried: all get it at once."),
            &mut Always(Percent, &mut self.share),
        );
        visitor.key(
            Key::new("margin", "By how much more of the new version's handshakes may fail than of the old version's, before the new one is given up."),
            &mut Always(Percent, &mut self.margin),
        );
        visitor.key(
            Key::new("min-streams", "How many streams must have shaken hands with the new version, or failed to, before it is judged."),
            &mut Always(Whole(1..=1_000_000), &mut self.min_streams),
        );
        visitor.key(
            Key::new("duration", "How long the new version is tried at least."),
            &mut Always(
                Lasting(Duration::ZERO..=Duration::from_secs(86_400)),
                &mut self.duration,
            ),
        );
    }
}
