//! The peer's parameters, and what becomes of an association when they change (RFC 8842).
//!
//! Associations are numbered alike on both sides, as generations of ICE are. Init data of the peer's with a higher
//! number than this side's begins an association of that number here, whose init data answers it. An instance is
//! told its peer's init data once: where two sides were told of different associations, one of them makes an
//! instance that is told nothing until the other's answer comes. Without numbers the initiator does so when the
//! peer's init data changes again; if no answer comes in a while, none was meant to.
use super::Component;
use super::driver::Phase;
use crate::plugin::Role;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// How long an instance waits for the peer's answer, at first: longer than most signalling takes. It doubles each
/// time that an answer came later.
const PATIENCE: Duration = Duration::from_secs(2);
const MAX_PATIENCE: Duration = Duration::from_secs(16);

/// Most of the peer's init data that is remembered.
const MAX_SEEN: usize = 32;

/// Most earlier instances that say their last words. What changes meanwhile waits.
const MAX_LEAVING: usize = 8;

/// How the peer's init data came.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    /// In a line of its own, with the number of its association if the peer gives one.
    Line(Option<u64>),
    /// In a description, which is an offer or answers one.
    Description,
}

/// Which association it is, and how it began.
#[derive(Debug)]
pub(super) struct Association {
    number: u64,
    /// Whether its instance was made because of the peer's init data, which it was told.
    is_answer: bool,
    /// What the peer has said before this instance's init data could reach it.
    tentative: Option<(Role, Vec<u8>)>,
    /// When that is taken for the answer.
    deadline: Option<Instant>,
    patience: Duration,
    /// What the peer has said while too many instances were leaving.
    changed: Option<Change>,
    /// Digests of the peer's latest init data.
    seen: VecDeque<u64>,
    /// A digest of this side's latest init data.
    own: Option<u64>,
    /// Whether this side's init data has been another for another instance.
    is_fresh: bool,
}

#[derive(Debug)]
struct Change {
    role: Role,
    init_data: Vec<u8>,
    said: Said,
    instance_id: u64,
}

impl Default for Association {
    fn default() -> Self {
        Self {
            number: 0,
            is_answer: false,
            tentative: None,
            deadline: None,
            patience: PATIENCE,
            changed: None,
            seen: VecDeque::new(),
            own: None,
            is_fresh: false,
        }
    }
}

impl Association {
    /// When an answer is not waited for any more.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn remember(&mut self, init_data: &[u8]) {
        let digest = digest(init_data);
        if !self.seen.contains(&digest) {
            self.seen.truncate(MAX_SEEN - 1);
            self.seen.push_front(digest);
        }
    }

    /// Whether init data has come before and is no instance's any more: where this side's is new for each instance,
    /// the peer's is. One that never changes, such as a fingerprint, may come back with its certificate.
    fn is_stale(&self, init_data: &[u8]) -> bool {
        self.is_fresh && self.seen.contains(&digest(init_data))
    }

    /// The instance's init data goes to the peer now.
    pub(super) fn announced(&mut self, now: Instant, init_data: &[u8]) {
        let own = digest(init_data);
        self.is_fresh |= self.own.replace(own).is_some_and(|before| before != own);
        self.deadline = self.tentative.as_ref().map(|_| now + self.patience);
    }
}

fn digest(init_data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    init_data.hash(&mut hasher);
    hasher.finish()
}

/// What becomes of init data that is not what the instance was told.
enum Fate {
    /// It is this instance's.
    Told,
    /// It may be what this instance will be told, unless an answer comes.
    Kept,
    /// Another instance of this number is told it.
    Answered(u64),
    /// Another instance of this number waits for the peer's answer.
    Asked(u64),
    /// It is of an earlier association.
    Past,
}

impl Component {
    /// The number of its association: 0 at the start.
    pub fn association(&self) -> u64 {
        self.association.number
    }

    /// The role that the instance was given with this very init data of the peer's, if `role` is another: an
    /// instance is told once.
    pub fn contradicted(
        &self,
        role: Role,
        init_data: &[u8],
        association: Option<u64>,
    ) -> Option<Role> {
        let (present, told) = self.driver.peer()?;
        let is_present = association.is_none_or(|number| number == self.association.number);
        (is_present && *present != role && told == init_data).then_some(*present)
    }

    /// The peer's parameters. Other init data than before is another association (RFC 8842): a new instance
    /// with the id `instance_id` takes over, the old one closes.
    pub fn set_peer(
        &mut self,
        now: Instant,
        role: Role,
        init_data: Vec<u8>,
        said: Said,
        instance_id: u64,
    ) {
        self.association.changed = Some(Change {
            role,
            init_data,
            said,
            instance_id,
        });
        self.follow_peer();
        self.settle(now);
    }

    /// Does what the peer's latest init data asks for, if there is room for it.
    pub(super) fn follow_peer(&mut self) {
        if self.driver.is_leaving() {
            self.association.changed = None;
            return;
        }
        let Some(change) = &self.association.changed else {
            return;
        };
        let fate = self.fate(change);
        let speaking = self
            .leaving
            .iter()
            .filter(|old| old.phase() != Phase::Ended);
        let has_room = speaking.count() < MAX_LEAVING;
        if matches!(fate, Some(Fate::Answered(_) | Fate::Asked(_))) && !has_room {
            return;
        }
        let Some(Change {
            role,
            init_data,
            instance_id,
            ..
        }) = self.association.changed.take()
        else {
            return;
        };
        let association = &mut self.association;
        association.remember(&init_data);
        match fate {
            None | Some(Fate::Past) => {}
            Some(Fate::Told) => {
                (association.tentative, association.deadline) = (None, None);
                self.driver.set_peer(role, init_data);
            }
            Some(Fate::Kept) => association.tentative = Some((role, init_data)),
            Some(Fate::Answered(number)) => {
                self.reassociate(number, instance_id);
                self.association.is_answer = true;
                self.driver.set_peer(role, init_data);
            }
            Some(Fate::Asked(number)) => {
                self.reassociate(number, instance_id);
                self.association.tentative = Some((role, init_data));
            }
        }
    }

    /// `None` if nothing has changed.
    fn fate(&self, change: &Change) -> Option<Fate> {
        let Association {
            number, tentative, ..
        } = &self.association;
        let (number, next) = (*number, number + 1);
        let told = self.driver.peer().map(|(_, told)| told);
        let is_same = told == Some(&change.init_data);
        let is_stale = self.association.is_stale(&change.init_data);
        Some(match (change.said, told) {
            (Said::Line(Some(theirs)), _) if theirs > number => Fate::Answered(theirs),
            (_, _) if is_same => return None,
            (Said::Line(None | Some(0)), _) if is_stale => Fate::Past,
            // Each stream begins with 0: the peer has another one now, which will answer.
            (Said::Line(Some(0)), _) if number > 0 => Fate::Asked(next),
            (Said::Line(Some(theirs)), _) if theirs < number => Fate::Past,
            (Said::Line(Some(_)), Some(_)) => Fate::Asked(next),
            (Said::Line(None), None)
                if tentative.is_some() && self.driver.phase() == Phase::Starting =>
            {
                Fate::Kept // it cannot be an answer yet
            }
            (_, None) => Fate::Told,
            (Said::Line(None), Some(_))
                if self.association.is_answer && change.role == Role::Initiator =>
            {
                Fate::Asked(next)
            }
            (Said::Line(None) | Said::Description, Some(_)) => Fate::Answered(next),
        })
    }

    /// No answer has come in time: what the peer said before was meant for whatever this side says next.
    pub(super) fn watch_association(&mut self, now: Instant) {
        let association = &mut self.association;
        if association.deadline.is_none_or(|at| at > now) {
            return;
        }
        association.deadline = None;
        association.patience = (association.patience * 2).min(MAX_PATIENCE);
        association.is_answer = true;
        if let Some((role, init_data)) = association.tentative.take() {
            self.driver.set_peer(role, init_data);
        }
    }

    fn reassociate(&mut self, number: u64, instance_id: u64) {
        self.association.number = number;
        self.association.is_answer = false;
        self.association.tentative = None;
        self.association.deadline = None;
        self.config.parameters.instance_id = instance_id;
        self.drop_exports("another association has begun");
        let next = self.config.start_driver();
        let mut old = std::mem::replace(&mut self.driver, next);
        old.close();
        self.leaving.push_back(old);
        self.early.clear();
        self.handshake_data = None;
        self.handshake_deadline = None;
        self.ready.reported = false;
        if self.ready.since.is_some() {
            self.driver.ready();
        }
    }
}
