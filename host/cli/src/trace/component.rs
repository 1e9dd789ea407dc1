use super::words::{millis, plural};
use handclasp::printable;
use handclasp::trace::{Datagram, Direction, Fate, Kind, Missed, Status, Stun, StunClass, What};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// What became of a component. Times are in microseconds from its stream's opening.
#[derive(Debug, Default, Serialize)]
pub(super) struct ComponentSummary {
    /// The last pair.
    selected_pair: Option<[String; 2]>,
    selected_us: Option<u64>,
    finished_us: Option<u64>,
    ready_us: Option<u64>,
    failed: Option<String>,
    local_candidates: u64,
    remote_candidates: u64,
    /// Binding requests; those that a relay carries are not counted.
    checks_sent: u64,
    checks_answered: u64,
    /// Datagrams the plugin sent because its deadline had come.
    retransmissions: u64,
    sent: BTreeMap<Kind, u64>,
    received: BTreeMap<Kind, u64>,
    bytes_sent: u64,
    bytes_received: u64,
    lost: u64,
    stray: u64,
    dropped: u64,
    calls: BTreeMap<String, Calls>,
    /// Transactions of requests that wait for their answer.
    #[serde(skip)]
    asked: HashSet<String>,
}

#[derive(Debug, Default, Serialize)]
struct Calls {
    count: u64,
    us: u64,
}

impl ComponentSummary {
    pub(super) fn take(&mut self, after: u64, what: &What) {
        match what {
            What::NewCandidateFull { .. } => self.local_candidates += 1,
            What::NewRemoteCandidateFull { .. } => self.remote_candidates += 1,
            What::NewSelectedPair { local, remote, .. } => {
                self.selected_us.get_or_insert(after);
                self.selected_pair = Some([local.to_string(), remote.to_string()]);
            }
            What::HandshakeData { .. } => {
                self.finished_us.get_or_insert(after);
            }
            What::ComponentStateReady { .. } => {
                self.ready_us.get_or_insert(after);
            }
            What::ComponentStateFailed { reason, .. } => {
                self.failed.get_or_insert_with(|| reason.clone());
            }
            What::Call(call) => {
                let calls = self.calls.entry(call.call.clone()).or_default();
                calls.count += 1;
                calls.us = calls.us.saturating_add(call.took_us);
                if call.call == "on_deadline" {
                    self.retransmissions = self.retransmissions.saturating_add(call.packets);
                }
                if call.status == Status::Finished {
                    self.finished_us
                        .get_or_insert(after.saturating_add(call.took_us));
                }
            }
            What::Datagram(datagram) => self.count(datagram),
            What::Missed(gap) => self.count_missed(gap),
            What::Dropped { .. } => add(&mut self.dropped, 1),
            _ => {}
        }
    }

    /// What does not stand in the trace was counted.
    fn count_missed(&mut self, gap: &Missed) {
        let counts = [
            (&mut self.sent, &gap.sent),
            (&mut self.received, &gap.received),
        ];
        for (counts, missed) in counts {
            for (kind, count) in missed {
                add(counts.entry(*kind).or_default(), *count);
            }
        }
        add(&mut self.bytes_sent, gap.bytes_sent);
        add(&mut self.bytes_received, gap.bytes_received);
        add(&mut self.lost, gap.lost);
        add(&mut self.stray, gap.stray);
    }

    fn count(&mut self, datagram: &Datagram) {
        match datagram.fate {
            Some(Fate::Stray) => return add(&mut self.stray, 1),
            Some(Fate::Lost) => add(&mut self.lost, 1),
            Some(Fate::Dropped) => add(&mut self.dropped, 1),
            None => {}
        }
        let (counts, bytes) = match datagram.direction {
            Direction::Out => (&mut self.sent, &mut self.bytes_sent),
            Direction::In => (&mut self.received, &mut self.bytes_received),
        };
        add(counts.entry(datagram.kind).or_default(), 1);
        add(bytes, datagram.bytes.into());
        let binding = |stun: &&Stun| stun.method == "binding";
        let Some(stun) = datagram.stun.as_ref().filter(binding) else {
            return;
        };
        match (datagram.direction, stun.class) {
            (Direction::Out, StunClass::Request) => {
                self.checks_sent += 1;
                self.asked.insert(stun.transaction.clone());
            }
            (Direction::In, StunClass::Success | StunClass::Error) => {
                self.checks_answered += u64::from(self.asked.remove(&stun.transaction));
            }
            _ => {}
        }
    }

    pub(super) fn words(&self) -> String {
        let time = |what: &str, us: Option<u64>| match us {
            Some(us) => format!("{what} after {}", millis(us)),
            None => format!("never {what}"),
        };
        let total = |counts: &BTreeMap<Kind, u64>| {
            let counts = counts.values();
            counts.fold(0, |sum: u64, count| sum.saturating_add(*count))
        };
        let (sent, received) = (total(&self.sent), total(&self.received));
        let mut words = format!(
            "{}, {}, {} of {} {} answered, {} {}, {sent} {} out ({} dropped on purpose), {received} in",
            time("connected", self.selected_us),
            time("finished", self.finished_us),
            self.checks_answered,
            self.checks_sent,
            plural(self.checks_sent, "check"),
            self.retransmissions,
            plural(self.retransmissions, "retransmission"),
            plural(sent, "datagram"),
            self.lost,
        );
        if self.stray > 0 {
            words += &format!(", {} stray", self.stray);
        }
        if self.dropped > 0 {
            words += &format!(", {} dropped", self.dropped);
        }
        if let Some(reason) = &self.failed {
            words += &format!("; failed: {}", printable(reason));
        }
        words
    }
}

/// Whatever stands in a trace, counts do not overflow.
fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}
