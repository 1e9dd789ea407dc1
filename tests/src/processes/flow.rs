//! Numbered payloads that flow both ways, and those of them that are lost.
use super::{Pair, Side, bytes};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// What became of the payloads of one side.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// How many left.
    pub sent: u32,
    /// The numbers of those that did not arrive.
    pub lost: Vec<u32>,
    /// How many arrived more than once.
    pub doubled: usize,
    /// The longest time in which none arrived.
    pub silence: Duration,
}

/// How long after the last payload one may still arrive.
const LATE: Duration = Duration::from_secs(2);

impl Pair {
    /// Both sides send a payload through component 1 in each interval, for so long. `at` is told how far it is.
    /// Returns what became of A's, and of B's.
    ///
    /// # Panics
    /// A side takes no lines any more.
    pub fn flow(
        &mut self,
        time: Duration,
        interval: Duration,
        mut at: impl FnMut(Duration),
    ) -> [Flow; 2] {
        let begun = Instant::now();
        let (mut flows, mut arrived) = (
            [Flow::default(), Flow::default()],
            [0, 1].map(|_| Arrived::new(begun)),
        );
        let mut next = begun;
        while begun.elapsed() < time {
            at(begun.elapsed());
            for side in Side::BOTH {
                let flow = &mut flows[side as usize];
                self.send_payload(side, payload(side, flow.sent).as_bytes());
                flow.sent += 1;
            }
            next = (next + interval).max(Instant::now());
            self.collect(next, &mut arrived);
        }
        self.collect(Instant::now() + LATE, &mut arrived);
        for (flow, arrived) in flows.iter_mut().zip(arrived) {
            flow.lost = (0..flow.sent)
                .filter(|number| !arrived.numbers.contains(number))
                .collect();
            flow.doubled = arrived.doubled;
            flow.silence = arrived
                .silence
                .max(arrived.last.elapsed().saturating_sub(LATE));
        }
        flows
    }

    fn collect(&mut self, until: Instant, arrived: &mut [Arrived; 2]) {
        loop {
            for side in Side::BOTH {
                for event in self.take_all(side.other(), "ice_payload") {
                    arrived[side as usize].note(side, &bytes(&event, "payload"));
                }
            }
            if !self.hear(until) {
                return;
            }
        }
    }
}

/// Payloads of a side's that came to the other.
struct Arrived {
    numbers: BTreeSet<u32>,
    doubled: usize,
    last: Instant,
    silence: Duration,
}

impl Arrived {
    fn new(now: Instant) -> Self {
        Self {
            numbers: BTreeSet::new(),
            doubled: 0,
            last: now,
            silence: Duration::ZERO,
        }
    }

    fn note(&mut self, side: Side, payload: &[u8]) {
        let text = std::str::from_utf8(payload).ok();
        let number = text.and_then(|text| text.strip_prefix(&payload_of(side))?.parse().ok());
        let Some(number) = number else {
            return;
        };
        if !self.numbers.insert(number) {
            self.doubled += 1;
        }
        self.silence = self.silence.max(self.last.elapsed());
        self.last = Instant::now();
    }
}

/// Its first byte is none of a handshake's or of STUN's (RFC 7983).
fn payload_of(side: Side) -> String {
    format!("\u{80}{side:?} ")
}

fn payload(side: Side, number: u32) -> String {
    format!("{}{number}", payload_of(side))
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, lost, silence) = (self.sent, self.lost.len(), self.silence.as_secs_f64());
        write!(
            f,
            "{lost} of {sent} lost, {silence:.1} s of silence at most"
        )
    }
}
