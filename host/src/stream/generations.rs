//! ICE restarts: which of the peer's credentials go with which of this side's.
//!
//! Generations are numbered alike on both sides. An application's restart is the next number; credentials of the
//! peer's with a higher number than this side's are answered once, with credentials of that number; all others are
//! not answered. So both sides end at the highest number that either application asked for, whatever is
//! duplicated or reordered. The number of credentials that come without one is concluded: they are for the
//! present generation until the peer's checks have shown which of its credentials it uses there.
use crate::ice::Credentials;
use std::collections::VecDeque;

/// The highest number: the largest integer that every reader of JSON has.
pub(super) const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Most credentials of one side that are remembered; the oldest are forgotten first.
const MAX_KNOWN: usize = 32;

/// The present generation, and what was said of earlier ones.
#[derive(Debug)]
pub(super) struct Generations {
    number: u64,
    /// The latest are the present ones.
    locals: VecDeque<Credentials>,
    /// The peer's for the present generation.
    remote: Option<Credentials>,
    /// Whether the peer's were taken into this generation from the one before.
    is_carried: bool,
    /// All of the peer's, in the order they came.
    remotes: VecDeque<Credentials>,
    /// Whether a description has told the present credentials of this side.
    described: bool,
    /// Descriptions with new credentials of this side that wait for the peer's answer.
    offers: usize,
}

/// How the peer's credentials came.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    /// In a line of their own, with the number of their generation if the peer gives one.
    Line(Option<u64>),
    /// In a description, which may be an answer unless it has `a=setup:actpass` (RFC 8842, section 5.2).
    Description {
        /// Whether it may be an answer.
        may_answer: bool,
    },
}

/// Where the peer's credentials belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belonging {
    /// They are the present ones.
    Known,
    /// To the present generation.
    Present,
    /// To a generation of this number, which is to begin.
    Next(u64),
    /// To one that is over.
    Past,
}

impl Generations {
    pub(super) fn new(local: Credentials) -> Self {
        Self {
            number: 0,
            locals: VecDeque::from([local]),
            remote: None,
            is_carried: false,
            remotes: VecDeque::new(),
            described: false,
            offers: 0,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// This side's credentials.
    pub(super) fn local(&self) -> &Credentials {
        self.locals.back().expect("there are some from the start")
    }

    /// The peer's credentials in the present generation.
    pub(super) fn remote(&self) -> Option<&Credentials> {
        self.remote.as_ref()
    }

    /// The number after the present one.
    pub(super) fn next(&self) -> u64 {
        (self.number + 1).min(MAX_NUMBER)
    }

    /// Begins a generation with these credentials of this side. The peer's are still to come.
    pub(super) fn begin(&mut self, number: u64, local: Credentials) {
        self.number = number;
        self.remote = None;
        self.described = false;
        remember(&mut self.locals, local);
    }

    /// Whether they are this side's own, of this generation or an earlier one.
    pub(super) fn is_local(&self, credentials: &Credentials) -> bool {
        self.locals.contains(credentials)
    }

    /// Where credentials of the peer's belong. `is_proven`: its checks have shown that it uses the present
    /// credentials of both sides together.
    pub(super) fn belonging(&self, remote: &Credentials, said: Said, is_proven: bool) -> Belonging {
        if self.remote.as_ref() == Some(remote) {
            return Belonging::Known;
        }
        if self.remotes.contains(remote) {
            return Belonging::Past;
        }
        let is_present = match said {
            Said::Line(Some(number)) if number > self.number => return Belonging::Next(number),
            // Each stream begins with 0: the peer has another one now.
            Said::Line(Some(0)) if self.number > 0 => false,
            Said::Line(Some(number)) if number < self.number => return Belonging::Past,
            Said::Line(_) => !is_proven,
            // An offer with other credentials than the last one has must be answered by others than the last
            // answer had (RFC 8839, section 4.4.1).
            Said::Description { may_answer } => {
                let is_answer = may_answer && self.offers > 0;
                !is_proven && (self.remote.is_none() || !self.described || is_answer)
            }
        };
        match is_present {
            true => Belonging::Present,
            false => Belonging::Next(self.next()),
        }
    }

    /// Remembers credentials of the peer's that are of no use now.
    pub(super) fn remember(&mut self, remote: Credentials) {
        remember(&mut self.remotes, remote);
    }

    /// Takes credentials of the peer's for the present generation.
    pub(super) fn adopt(&mut self, remote: Credentials, said: Said) {
        if let Said::Description { .. } = said {
            self.offers = self.offers.saturating_sub(1);
        }
        if !self.remotes.contains(&remote) {
            self.remember(remote.clone());
        }
        self.remote = Some(remote);
        self.is_carried = false;
    }

    /// Where an authentic check of the peer's to the present credentials of this side named others of its own,
    /// `other`: what goes with them, and whether that is another generation of this side's.
    pub(super) fn correct(&self, other: Credentials) -> (Credentials, bool) {
        match &self.remote {
            // This side's are used up: what came later was a restart, which is answered now.
            Some(later) if !self.is_carried => (later.clone(), true),
            // It was answered, and is not the peer's: it says so again.
            _ => (other, false),
        }
    }

    /// Takes the peer's credentials along into the generation that has just begun.
    pub(super) fn carry(&mut self, remote: Credentials) {
        self.remote = Some(remote);
        self.is_carried = true;
    }

    /// The peer's credentials with this ufrag, if they are known and not the present ones.
    pub(super) fn other(&self, ufrag: &str) -> Option<&Credentials> {
        let is_it = |remote: &&Credentials| remote.ufrag() == ufrag;
        let other = self.remotes.iter().rev().find(is_it);
        other.filter(|other| self.remote.as_ref() != Some(other))
    }

    /// A description tells the peer the present credentials of this side.
    pub(super) fn describe(&mut self) {
        let is_offer = self.remote.is_none();
        if !std::mem::replace(&mut self.described, true) && is_offer {
            self.offers += 1;
        }
    }
}

fn remember(known: &mut VecDeque<Credentials>, credentials: Credentials) {
    if known.len() == MAX_KNOWN {
        known.pop_front();
    }
    known.push_back(credentials);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_later_than_the_checks_say_is_a_restart_once() {
        let [theirs, later] = [(); 2].map(|()| Credentials::generate());
        let mut generations = Generations::new(Credentials::generate());
        for remote in [&theirs, &later] {
            generations.adopt(remote.clone(), Said::Line(None));
        }
        let corrected = generations.correct(theirs.clone());
        assert_eq!(corrected, (later.clone(), true));
        generations.begin(generations.next(), Credentials::generate());
        generations.carry(later);
        assert_eq!(generations.correct(theirs.clone()), (theirs, false));
    }

    #[test]
    fn descriptions_answer_an_offer_each_and_what_no_description_told() {
        const DESCRIPTION: Said = Said::Description { may_answer: true };
        let [first, second, third] = [(); 3].map(|()| Credentials::generate());
        let mut generations = Generations::new(Credentials::generate());
        let belonging = |generations: &Generations, remote: &Credentials| {
            generations.belonging(remote, DESCRIPTION, false)
        };
        generations.adopt(first, Said::Line(None));
        assert_eq!(belonging(&generations, &second), Belonging::Present);
        generations.describe();
        assert_eq!(belonging(&generations, &second), Belonging::Next(1));
        generations.begin(1, Credentials::generate());
        generations.describe();
        generations.adopt(second, DESCRIPTION);
        assert_eq!(belonging(&generations, &third), Belonging::Next(2));
    }
}
