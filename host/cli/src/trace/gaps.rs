use handclasp::trace::{Datagram, Kind, Trace, What};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Arrivals that do not stand in a trace but were counted.
#[derive(Debug)]
pub(super) struct Gaps<'a> {
    streams: BTreeSet<&'a str>,
    /// In the order of time: a gap stands with each kind of datagram that it may have hidden.
    waiting: HashMap<Hidden<'a>, VecDeque<Gap>>,
}

/// Which stream did not record them, of which component or of any, and what they are.
type Hidden<'a> = (&'a str, Option<u16>, Kind);

#[derive(Debug)]
struct Gap {
    since_us: u64,
    until_us: u64,
    /// How many more it may have hidden.
    left: u64,
}

/// How long a datagram may be under way, in microseconds.
const MAX_DELAY: u64 = 1_000_000;

impl<'a> Gaps<'a> {
    pub(super) fn of(trace: &'a Trace) -> Self {
        let mut gaps = Self {
            streams: BTreeSet::new(),
            waiting: HashMap::new(),
        };
        for record in &trace.records {
            let What::Missed(missed) = &record.what else {
                continue;
            };
            let stream = record.stream.as_str();
            gaps.streams.insert(stream);
            for (&kind, &left) in missed.received.iter().filter(|(_, left)| **left > 0) {
                let hidden = (stream, missed.component_id, kind);
                gaps.waiting.entry(hidden).or_default().push_back(Gap {
                    since_us: record.us,
                    until_us: missed.until_us,
                    left,
                });
            }
        }
        gaps
    }

    /// Whether a datagram that `stream` sent at this time may be an arrival that another stream did not record. If so,
    /// the next datagram is another one. To be asked in the order of time.
    pub(super) fn take(&mut self, stream: &str, sent_us: u64, datagram: &Datagram) -> bool {
        let others = self.streams.iter().filter(|other| **other != stream);
        let hidden = others.flat_map(|other| {
            [None, Some(datagram.component_id)].map(|id| (*other, id, datagram.kind))
        });
        for hidden in hidden {
            let Some(gaps) = self.waiting.get_mut(&hidden) else {
                continue;
            };
            // Those that were over before are over for whatever is sent later.
            let is_over = |gap: &Gap| gap.until_us < sent_us || gap.left == 0;
            while gaps.front().is_some_and(is_over) {
                gaps.pop_front();
            }
            let gap = gaps.front_mut();
            let arrives_by = sent_us.saturating_add(MAX_DELAY);
            if let Some(gap) = gap.filter(|gap| gap.since_us <= arrives_by) {
                gap.left -= 1;
                return true;
            }
        }
        false
    }
}
