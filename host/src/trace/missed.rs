use super::{Datagram, Direction, Fate, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Events that happened and do not stand in the trace, of one component or of a whole stream. What is not told of a
/// datagram is that it was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The component that they are about, if about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_id: Option<u16>,
    /// How many they are, datagrams and others.
    pub count: u64,
    /// When the last of them happened, in microseconds of the trace; the first is the record's own time.
    #[serde(default)]
    pub until_us: u64,
    /// Datagrams that left, or were lost on purpose, by their kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sent: BTreeMap<Kind, u64>,
    /// Datagrams that arrived for the stream, by their kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub received: BTreeMap<Kind, u64>,
    /// How long those that left are together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_sent: u64,
    /// How long those that arrived are together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_received: u64,
    /// How many of those that left were lost on purpose.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// How many arrived and were nobody's.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stray: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks like this
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Missed {
    /// Counts a datagram, beside the event that it is.
    pub(super) fn count(&mut self, datagram: &Datagram) {
        match datagram.fate {
            Some(Fate::Stray) => return self.stray += 1,
            Some(Fate::Lost) => self.lost += 1,
            _ => {}
        }
        let (counts, bytes) = match datagram.direction {
            Direction::Out => (&mut self.sent, &mut self.bytes_sent),
            Direction::In => (&mut self.received, &mut self.bytes_received),
        };
        *counts.entry(datagram.kind).or_default() += 1;
        *bytes += u64::from(datagram.bytes);
    }
}
