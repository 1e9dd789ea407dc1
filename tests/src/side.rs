//! One stream of a world, and all that was seen of it.
use crate::event::Event;
use crate::party::Party;
use handclasp::component::Cause;
use handclasp::plugin::Role;
use handclasp::stream::{Message, Notification, SettingsError, Stream};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A stream, where it lives, and its story.
#[derive(Debug)]
pub struct Side {
    /// The stream itself.
    pub stream: Stream,
    /// Who starts, where the test does not say otherwise.
    pub role: Role,
    /// Everything seen, and when.
    pub log: Vec<(Duration, Event)>,
    /// Why it dropped datagrams that came, in order.
    pub dropped: Vec<Cause>,
    /// The datagrams that wait for a call, or did: component and number.
    pub(crate) waiting: HashSet<(u16, u64)>,
    pub(crate) index: usize,
    two_paths: bool,
    /// Under an SDP signalling: the peer's description has come, and this side's has not been written.
    pub(crate) owes_answer: bool,
    pub(crate) gathered: bool,
}

impl Side {
    pub(crate) fn new(start: Instant, index: usize, party: &Party) -> Result<Self, SettingsError> {
        let first = index.is_multiple_of(2);
        let mut stream = party.stream(start, first)?;
        if party.listens {
            for component_id in stream.component_ids() {
                stream
                    .handle_message(start, Message::Listen { component_id })
                    .expect("it has this component");
            }
        }
        Ok(Self {
            stream,
            role: if first {
                Role::Initiator
            } else {
                Role::Responder
            },
            log: Vec::new(),
            dropped: Vec::new(),
            waiting: HashSet::new(),
            index,
            two_paths: party.two_paths,
            owes_answer: false,
            gathered: false,
        })
    }

    /// The address of its socket for a component.
    pub fn address(&self, component_id: u16) -> SocketAddr {
        let index = u8::try_from(self.index).expect("worlds are small");
        SocketAddr::from(([10, 0, index, 1], 5000 + component_id))
    }

    /// The addresses of all its sockets for a component; the second octet is the network's.
    pub fn addresses(&self, component_id: u16) -> impl Iterator<Item = SocketAddr> + use<> {
        let first = self.address(component_id);
        let index = u8::try_from(self.index).expect("worlds are small");
        let second = SocketAddr::from(([10, 1, index, 1], first.port()));
        std::iter::once(first).chain(self.two_paths.then_some(second))
    }

    /// Everything seen, a line each, without surrounding space.
    pub fn story(&self) -> Vec<String> {
        let lines = self.log.iter().map(|(_, event)| event.to_string());
        lines.map(|line| line.trim().to_owned()).collect()
    }

    /// The lines of the story that begin with one of these words, in order.
    pub fn told(&self, words: &[&str]) -> Vec<String> {
        let mut story = self.story();
        story.retain(|line| {
            words
                .iter()
                .any(|word| line.split(' ').next() == Some(word))
        });
        story
    }

    /// Whether the story has this line.
    pub fn has(&self, line: &str) -> bool {
        self.story().iter().any(|seen| seen == line)
    }

    /// How many lines begin so.
    pub fn count(&self, beginning: &str) -> usize {
        let story = self.story();
        story
            .iter()
            .filter(|line| line.starts_with(beginning))
            .count()
    }

    /// When the first line came that begins so.
    pub fn when(&self, beginning: &str) -> Option<Duration> {
        let line = |event: &Event| event.to_string().starts_with(beginning);
        self.log
            .iter()
            .find(|(_, event)| line(event))
            .map(|(at, _)| *at)
    }

    /// Whether all components have reported ready.
    pub fn is_ready(&self) -> bool {
        self.stream
            .component_ids()
            .all(|id| self.count(&format!("ready {id}")) > 0)
    }

    /// The latest description of itself.
    ///
    /// # Panics
    /// It has not described itself.
    pub fn description(&self) -> String {
        let said = self.log.iter().rev().find_map(|(_, event)| match event {
            Event::Said(Notification::LocalSdp { sdp }) => Some(sdp.clone()),
            _ => None,
        });
        said.expect("it has described itself")
    }

    /// The handshake data of a component.
    pub fn handshake_data(&self, component: u16) -> Option<Vec<u8>> {
        self.log.iter().find_map(|(_, event)| match event {
            Event::Said(Notification::HandshakeData { component_id, data })
                if *component_id == component =>
            {
                Some(data.to_vec())
            }
            _ => None,
        })
    }
}
