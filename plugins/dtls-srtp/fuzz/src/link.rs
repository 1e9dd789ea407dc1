//! Two sessions that shake hands, and datagrams on their way that are changed, repeated or made up.
use crate::certificate::Identity;
use crate::config;
use crate::fingerprint::Fingerprints;
use crate::parameters::{Parameters, Version};
use crate::session::{Progress, Session, Sink};
use crate::tamper::Tamper;
use arbitrary::Arbitrary;
use handclasp_plugin::{Result, Role, Time};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use zeroize::Zeroizing;

/// What happens to two sessions.
#[derive(Arbitrary, Debug)]
pub struct Story<'a> {
    /// 1.2, 1.3, or both.
    version: u8,
    steps: Vec<Step<'a>>,
}

/// One thing that happens.
#[derive(Arbitrary, Debug)]
pub enum Step<'a> {
    /// The next datagram arrives as it is.
    Deliver,
    /// It is lost.
    Lose,
    /// One that was sent to that end arrives, changed; the other lends its end for a splice.
    Tampered(bool, u8, Tamper),
    /// Such a record arrives: content type, epoch, body.
    Record(bool, u8, u16, &'a [u8]),
    /// Anything arrives.
    Bytes(bool, &'a [u8]),
    /// Hundredths of a second pass.
    Pass(u8),
    /// An end says goodbye.
    Close(bool),
}

const MTU: usize = 1200;
/// Most datagrams that each end keeps of what it was sent.
const OVERHEARD: usize = 32;

static IDENTITIES: LazyLock<[Arc<Identity>; 2]> = LazyLock::new(|| {
    [1, 2].map(|stream| Identity::of((0, stream)).expect("the system has randomness"))
});

#[derive(Default)]
struct Wire(Vec<Vec<u8>>);

impl Sink for Wire {
    fn packet(&mut self, datagram: &[u8]) {
        self.0.push(datagram.to_vec());
    }

    fn warn(&mut self, _sentence: &str) {}

    fn debug(&mut self, _line: &str) {}
}

struct End {
    session: Session,
    deadline: Option<Time>,
    keys: Option<Zeroizing<Vec<u8>>>,
    failed: bool,
    /// What is on its way here.
    coming: VecDeque<Vec<u8>>,
    overheard: VecDeque<Vec<u8>>,
}

struct Link {
    ends: [End; 2],
    now: Time,
}

impl Story<'_> {
    /// Plays it.
    pub fn play(&self) {
        let version =
            [Version::Auto, Version::Dtls12, Version::Dtls13][usize::from(self.version % 3)];
        let mut link = Link::new(version);
        for step in &self.steps {
            link.take(step);
        }
        link.pass(Duration::from_secs(2));
        let keys = link
            .ends
            .each_ref()
            .map(|end| end.keys.as_ref().map(|keys| halves(keys)));
        if let [Some(one), Some(other)] = keys {
            assert_eq!(
                (one.0, one.1),
                (other.1, other.0),
                "both have finished, and do not agree"
            );
        }
    }
}

/// Keys in the layout `srtp-keys`: ours and theirs.
fn halves(keys: &[u8]) -> (&[u8], &[u8]) {
    keys[4..].split_at((keys.len() - 4) / 2)
}

impl Link {
    fn new(version: Version) -> Self {
        let now = Time::from_nanos(1_000_000_000);
        let end = |index: usize| {
            let promised = IDENTITIES[1 - index].init_data();
            let parameters = Parameters {
                version,
                role: [Role::Initiator, Role::Responder][index],
                config: config::shared(MTU).expect("the settings are valid"),
                identity: IDENTITIES[index].clone(),
                peer: Fingerprints::parse(promised.as_bytes()).expect("a usable promise"),
            };
            End {
                session: Session::new(parameters, now),
                deadline: None,
                keys: None,
                failed: false,
                coming: VecDeque::new(),
                overheard: VecDeque::new(),
            }
        };
        let mut link = Self {
            ends: [end(0), end(1)],
            now,
        };
        for index in [0, 1] {
            link.call(index, |session, now, wire| session.start(now, wire));
        }
        link
    }

    fn take(&mut self, step: &Step<'_>) {
        match step {
            Step::Deliver => self.deliver(),
            Step::Lose => {
                let index = self.next();
                self.ends[index].coming.pop_front();
            }
            Step::Tampered(to, which, tamper) => {
                let overheard = &self.ends[usize::from(*to)].overheard;
                let pick = |which: u8| overheard.get(usize::from(which) % overheard.len().max(1));
                let (one, other) = (pick(*which), pick(which.rotate_left(4)));
                let empty = Vec::new();
                let changed = tamper.apply(one.unwrap_or(&empty), other.unwrap_or(&empty));
                self.receive(usize::from(*to), &changed);
            }
            Step::Record(to, content_type, epoch, body) => {
                let body = &body[..body.len().min(2000)];
                let mut record = vec![*content_type, 0xfe, 0xfd];
                record.extend(epoch.to_be_bytes());
                record.extend([0, 0, 0, 0, 0, 9]);
                record.extend((body.len() as u16).to_be_bytes());
                record.extend(body);
                self.receive(usize::from(*to), &record);
            }
            Step::Bytes(to, bytes) => self.receive(usize::from(*to), bytes),
            Step::Pass(hundredths) => self.pass(Duration::from_millis(10) * (*hundredths).into()),
            Step::Close(index) => self.call(usize::from(*index), |session, now, wire| {
                session.close(now, wire)?;
                session.step(now, wire)
            }),
        }
    }

    /// The end that has waited for more.
    fn next(&self) -> usize {
        usize::from(self.ends[1].coming.len() > self.ends[0].coming.len())
    }

    fn deliver(&mut self) {
        let index = self.next();
        if let Some(datagram) = self.ends[index].coming.pop_front() {
            self.receive(index, &datagram);
        }
    }

    fn receive(&mut self, index: usize, datagram: &[u8]) {
        crate::records(datagram);
        // The host lets no other past the classifier, and no empty one.
        if datagram
            .first()
            .is_some_and(|first| (20..=63).contains(first))
        {
            self.call(index, |session, now, wire| {
                session.receive(datagram, now, wire)
            });
        }
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        let mut turns = 0;
        loop {
            while self.ends.iter().any(|end| !end.coming.is_empty()) {
                turns += 1;
                assert!(turns < 10_000, "they never stop talking");
                self.deliver();
            }
            let deadlines = self.ends.iter().filter_map(|end| end.deadline);
            let Some(next) = deadlines.min().filter(|next| *next <= end) else {
                break;
            };
            turns = if next > self.now { 0 } else { turns + 1 };
            self.now = next.max(self.now);
            for index in [0, 1] {
                if self.ends[index].deadline.is_some_and(|due| due <= self.now) {
                    self.ends[index].deadline = None;
                    self.call(index, |session, now, wire| session.step(now, wire));
                }
            }
        }
        self.now = end;
    }

    fn call(
        &mut self,
        index: usize,
        call: impl FnOnce(&mut Session, Time, &mut Wire) -> Result<Progress>,
    ) {
        let (now, end) = (self.now, &mut self.ends[index]);
        if end.failed {
            return; // a failed instance is never called again
        }
        let mut wire = Wire::default();
        let progress = call(&mut end.session, now, &mut wire);
        // What the host checks too.
        assert!(wire.0.len() <= 64, "{} packets", wire.0.len());
        assert!(wire.0.iter().map(Vec::len).sum::<usize>() <= 65_536);
        assert!(
            wire.0
                .iter()
                .all(|datagram| (1..=MTU).contains(&datagram.len()))
        );
        match progress {
            Ok(progress) => {
                end.deadline = progress.deadline;
                if progress.finished.is_some() {
                    assert!(end.keys.is_none(), "finished twice");
                    end.keys = progress.finished;
                }
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                end.deadline = None;
                end.failed = true;
            }
        }
        let peer = &mut self.ends[1 - index];
        for datagram in wire.0 {
            peer.overheard.push_front(datagram.clone());
            peer.overheard.truncate(OVERHEARD);
            peer.coming.push_back(datagram);
        }
    }
}
