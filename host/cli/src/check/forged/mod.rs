//! What somebody sends to a handshake of DTLS, in the peer's name, who sees every datagram and has no key; and what of it
//! DTLS itself cannot tell from the peer's own.
mod flights;
mod forger;
mod hellos;
mod messages;
mod protected;
mod records;

use forger::Forger;
use handclasp::plugin::Role;
use std::fmt;

/// When a forged datagram comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before any of the peer's.
    First,
    /// Before the one with which the victim finishes.
    Last,
    /// Before the last record of that.
    Between,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "before the first datagram",
            Self::Last => "before the last datagram",
            Self::Between => "before the last record",
        })
    }
}

/// A kind of forged datagram.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    forge: fn(&mut Forger<'_>) -> Vec<u8>,
    /// Whose handshake it can end, when, and why nothing can be done. Everywhere else it changes nothing.
    ends: &'static [(Role, Moment, &'static str)],
}

impl Kind {
    /// Why it can end the handshake of a side with this role at a moment, if it can.
    pub(super) fn excuse(&self, role: Role, moment: Moment) -> Option<&'static str> {
        let listed = self
            .ends
            .iter()
            .find(|end| (end.0, end.1) == (role, moment));
        listed.map(|end| end.2)
    }
}

/// One datagram of a kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forgery {
    pub(super) kind: &'static Kind,
    /// Decides what is random in it.
    pub(super) seed: u64,
}

impl Forgery {
    /// Makes it from what has come to its victim and what the victim has sent; nothing if it needs more than there is.
    pub(super) fn make(self, received: &[Vec<u8>], sent: &[Vec<u8>]) -> Vec<u8> {
        (self.kind.forge)(&mut Forger::new(received, sent, self.seed))
    }
}

impl PartialEq for Forgery {
    fn eq(&self, other: &Self) -> bool {
        (self.kind.name, self.seed) == (other.kind.name, other.seed)
    }
}

impl Eq for Forgery {}

/// Every kind.
pub(super) fn kinds() -> impl Iterator<Item = &'static Kind> {
    records::KINDS
        .iter()
        .chain(protected::KINDS)
        .chain(messages::KINDS)
        .chain(hellos::KINDS)
        .chain(flights::KINDS)
}

const FIRST_CLIENT: &str = "a server answers the first ClientHello that it has an answer to; whose that was shows at \
                            the end";
const FIRST_SERVER: &str = "a client believes the first answer to its ClientHello that it can agree to; whose that was \
                            shows at the end";
const IN_ITS_PLACE: &str = "a message before the keys, in its place and form, is the peer's or not: what comes second \
                            is a repetition";
const UNFINISHED: &str =
    "a fragment before the keys, in its place, is the peer's or not: the rest is fitted to it";

const fn absorbed(name: &'static str, forge: fn(&mut Forger<'_>) -> Vec<u8>) -> Kind {
    ending(name, forge, &[])
}

const fn ending(
    name: &'static str,
    forge: fn(&mut Forger<'_>) -> Vec<u8>,
    ends: &'static [(Role, Moment, &'static str)],
) -> Kind {
    Kind { name, forge, ends }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_many_kinds_each_with_a_name() {
        let names: BTreeSet<_> = kinds().map(|kind| kind.name).collect();
        assert_eq!(names.len(), kinds().count());
        assert!(names.len() >= 72, "{}", names.len());
    }

    /// Else a host would not pass them on, and they would try nothing.
    #[test]
    fn all_begin_as_dtls() {
        let (received, sent) = ([vec![22; 60]], [vec![22; 60]]);
        for kind in kinds() {
            for seed in 0..300 {
                let forged = Forgery { kind, seed }.make(&received, &sent);
                let first = forged.first();
                let is_dtls = first.is_some_and(|first| (20..=63).contains(first));
                assert!(is_dtls, "{}: {first:?}", kind.name);
            }
        }
    }
}
