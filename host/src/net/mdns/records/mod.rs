//! Our names: what is said of them, to whom and when, without a socket or a clock.
use super::messages::{self, PORT, Record, TTL};
use simple_dns::{OPCODE, Packet, PacketFlag, Question};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Between two times that all hear of one name (RFC 6762, section 6), and before the first without a question.
/// A peer that has just learned the name asks for it: the answer must not have to wait for an announcement's
/// second to pass.
const EVERY: Duration = Duration::from_secs(1);
/// How often all hear of a name that nobody asks for (RFC 6762, section 8.3).
const ANNOUNCEMENTS: u32 = 2;
/// Most records of one packet, which so fits every network's.
const MAX_RECORDS: usize = 16;
/// Most answers to single askers in each second: their sources may be forged.
const MAX_REPLIES: u32 = 100;

/// Names that are ours, and what waits to be said of them.
#[derive(Debug, Default)]
pub(super) struct Records {
    entries: HashMap<String, Entry>,
    /// When all are to hear of a name.
    due: BTreeSet<(Instant, String)>,
    /// Names that ended, and all have heard of.
    goodbyes: Vec<(String, IpAddr)>,
    /// Answers to single askers in the second that began then.
    replies: Option<(Instant, u32)>,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    /// When all heard of it last.
    told: Option<Instant>,
    /// Its time among the due.
    due: Option<Instant>,
    announcements: u32,
}

impl Records {
    /// A name is ours from now on; it is in lower case, and nobody else has it, for it is random: nobody is asked
    /// (draft-ietf-mmusic-mdns-ice-candidates, section 3.1.1).
    pub(super) fn add(&mut self, now: Instant, name: &str, address: IpAddr) {
        self.remove(name);
        let entry = Entry {
            address,
            told: None,
            due: None,
            announcements: ANNOUNCEMENTS,
        };
        self.entries.insert(name.to_owned(), entry);
        self.schedule(name, now + EVERY);
    }

    /// A name is ours no longer (RFC 6762, section 10.1).
    pub(super) fn remove(&mut self, name: &str) {
        let Some(entry) = self.entries.remove(name) else {
            return;
        };
        if let Some(at) = entry.due {
            self.due.remove(&(at, name.to_owned()));
        }
        if entry.told.is_some() {
            self.goodbyes.push((name.to_owned(), entry.address));
        }
    }

    /// Whether there is no name, and nothing left to say.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.goodbyes.is_empty()
    }

    /// A packet has come, from this link. Gives what its source alone is to be told. Anything may stand in it.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &[u8],
    ) -> Option<Vec<u8>> {
        let query = messages::parse(packet)?;
        if query.has_flags(PacketFlag::RESPONSE) || query.opcode() != OPCODE::StandardQuery {
            return None;
        }
        let is_legacy = source.port() != PORT;
        let mut direct: Vec<(&Question<'_>, String, IpAddr)> = Vec::new();
        for question in query
            .questions
            .iter()
            .filter(|q| messages::asks_for_address(q))
        {
            let name = question.qname.to_string().to_ascii_lowercase();
            let Some(Entry { address, told, .. }) = self.entries.get(&name) else {
                continue;
            };
            let (address, told) = (*address, *told);
            if !is_legacy {
                if is_known(&query, &name, address) {
                    continue;
                }
                // Who asks for an answer to itself alone gets that as well; but where the port is shared it may
                // reach another than the one who asked.
                let earliest = told.map_or(now, |told| now.max(told + EVERY));
                self.schedule(&name, earliest);
            }
            let is_direct = is_legacy || question.unicast_response;
            if is_direct && direct.len() < MAX_RECORDS && !direct.iter().any(|(_, n, _)| *n == name)
            {
                direct.push((question, name, address));
            }
        }
        if direct.is_empty() || !self.may_reply(now) {
            return None;
        }
        let records = direct.iter().map(|(_, name, to)| (name.as_str(), *to));
        Some(match is_legacy {
            true => {
                let questions = direct.iter().map(|(question, ..)| *question);
                messages::legacy_reply(query.id(), questions.zip(records))
            }
            false => messages::reply(query.id(), records),
        })
    }

    /// What all are to hear now, a packet at a time.
    pub(super) fn poll_announcement(&mut self, now: Instant) -> Option<Vec<u8>> {
        if !self.goodbyes.is_empty() {
            let count = self.goodbyes.len().min(MAX_RECORDS);
            let gone: Vec<_> = self.goodbyes.drain(..count).collect();
            return Some(messages::announcement(gone.iter().map(as_record), 0));
        }
        let mut told = Vec::new();
        while told.len() < MAX_RECORDS
            && self.due.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, name)) = self.due.pop_first()
        {
            let Some(entry) = self.entries.get_mut(&name) else {
                continue;
            };
            (entry.told, entry.due) = (Some(now), None);
            entry.announcements = entry.announcements.saturating_sub(1);
            let (address, again) = (entry.address, entry.announcements > 0);
            if again {
                self.schedule(&name, now + EVERY);
            }
            told.push((name, address));
        }
        (!told.is_empty()).then(|| messages::announcement(told.iter().map(as_record), TTL))
    }

    /// When to call [`poll_announcement`](Self::poll_announcement), once it gives nothing.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// All hear of a name then, or earlier.
    fn schedule(&mut self, name: &str, at: Instant) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        if entry.due.is_some_and(|due| due <= at) {
            return;
        }
        if let Some(later) = entry.due.replace(at) {
            self.due.remove(&(later, name.to_owned()));
        }
        self.due.insert((at, name.to_owned()));
    }

    fn may_reply(&mut self, now: Instant) -> bool {
        let (since, count) = match self.replies {
            Some((since, count)) if now < since + EVERY => (since, count),
            _ => (now, 0),
        };
        self.replies = Some((since, count.saturating_add(1)));
        count < MAX_REPLIES
    }
}

/// Whether who asks knows the answer for long enough (RFC 6762, section 7.1).
fn is_known(query: &Packet<'_>, name: &str, address: IpAddr) -> bool {
    query.answers.iter().any(|record| {
        record.ttl >= TTL / 2
            && messages::address(record) == Some(address)
            && record.name.to_string().eq_ignore_ascii_case(name)
    })
}

fn as_record((name, address): &(String, IpAddr)) -> Record<'_> {
    (name, *address)
}

#[cfg(test)]
mod tests;
