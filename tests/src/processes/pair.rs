use super::process::{Heard, LineProcess};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// One of two peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    A,
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Its peer.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Two processes that speak JSON lines.
#[derive(Debug)]
pub struct Pair {
    sides: [Peer; 2],
    heard: Receiver<Heard<Side>>,
    /// Who starts the handshake, if what each side says is to reach the other by itself.
    initiator: Option<Side>,
}

#[derive(Debug)]
struct Peer {
    process: LineProcess,
    /// Events that were not asked for yet.
    unread: VecDeque<Value>,
    all: Vec<Value>,
    ended: bool,
}

/// How long an event may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries of a datagram.
const AGAIN: Duration = Duration::from_millis(200);

impl Pair {
    /// Starts both. With an initiator, what one says that the other must hear is carried there.
    pub fn start(commands: [Command; 2], initiator: Option<Side>) -> Self {
        let (sender, heard) = channel();
        let start = |command, side| Peer {
            process: LineProcess::start(command, side, sender.clone()),
            unread: VecDeque::new(),
            all: Vec::new(),
            ended: false,
        };
        let [a, b] = commands;
        Self {
            sides: [start(a, Side::A), start(b, Side::B)],
            heard,
            initiator,
        }
    }

    /// Says something to one side.
    ///
    /// # Panics
    /// It does not read any more.
    pub fn send(&mut self, side: Side, message: &Value) {
        self.write(side, message.to_string().as_bytes());
    }

    /// Writes a line to one side, whatever stands in it.
    ///
    /// # Panics
    /// It does not read any more.
    pub fn write(&mut self, side: Side, line: &[u8]) {
        let written = self.sides[side as usize].process.write(line);
        written.unwrap_or_else(|error| panic!("{side:?} takes no line, {error}: {}", self.story()));
    }

    /// From now on nothing is read of what a side says.
    pub fn hold(&self, side: Side) {
        self.sides[side as usize].process.hold();
    }

    /// What a side says is read again.
    pub fn release(&self, side: Side) {
        self.sides[side as usize].process.release();
    }

    /// The system's id of a side's process.
    pub fn process_id(&self, side: Side) -> u32 {
        self.sides[side as usize].process.id()
    }

    /// Sends a datagram through component 1.
    pub fn send_payload(&mut self, side: Side, payload: &[u8]) {
        self.send_through(side, 1, payload);
    }

    /// Sends a datagram through a component.
    pub fn send_through(&mut self, side: Side, component_id: u16, payload: &[u8]) {
        let payload = base64(payload);
        self.send(
            side,
            &json!({"message": "send_payload", "component_id": component_id, "payload": payload}),
        );
    }

    /// The next event of this name, of those that were not returned before.
    ///
    /// # Panics
    /// It does not come, or an error or a component's failure comes that was not asked for.
    pub fn expect(&mut self, side: Side, name: &str) -> Value {
        self.expect_where(side, name, |_| true)
    }

    /// The next event of this name that is like this.
    ///
    /// # Panics
    /// As [`expect`](Self::expect).
    pub fn expect_where(
        &mut self,
        side: Side,
        name: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.take(side, name, &is_it) {
                return event;
            }
            self.refuse_failures(name);
            if !self.hear(deadline) {
                panic!("{side:?} never said {name}: {}", self.story());
            }
        }
    }

    /// The next event of this name that is like this, if it comes in time, whatever else comes.
    pub fn await_where(
        &mut self,
        side: Side,
        name: &str,
        time: Duration,
        is_it: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        let deadline = Instant::now() + time;
        loop {
            let event = self.take(side, name, &is_it);
            if event.is_some() || !self.hear(deadline) {
                return event;
            }
        }
    }

    /// Every component of both sides is ready.
    ///
    /// # Panics
    /// As [`expect`](Self::expect).
    pub fn expect_ready(&mut self, components: u16) {
        for side in Side::BOTH {
            for component_id in 1..=components {
                let is_its = |event: &Value| event["component_id"] == component_id;
                self.expect_where(side, "component_state_ready", is_its);
            }
        }
    }

    /// A datagram of each side's comes out of the component that it was sent through: if not the first, then one
    /// that is sent later.
    ///
    /// # Panics
    /// None does within `time`.
    pub fn expect_data(&mut self, component_id: u16, word: &str, time: Duration) {
        let deadline = Instant::now() + time;
        for side in Side::BOTH {
            let payload = format!("\u{80}{word} from {side:?} through {component_id}");
            let is_it = |event: &Value| {
                event["component_id"] == component_id
                    && bytes(event, "payload") == payload.as_bytes()
            };
            let mut arrived = None;
            while arrived.is_none() {
                assert!(
                    Instant::now() < deadline,
                    "nothing arrives {word} from {side:?} through {component_id} within {time:?}: {}",
                    self.story()
                );
                self.send_through(side, component_id, payload.as_bytes());
                arrived = self.await_where(side.other(), "ice_payload", AGAIN, is_it);
            }
        }
    }

    fn take(&mut self, side: Side, name: &str, is_it: impl Fn(&Value) -> bool) -> Option<Value> {
        let unread = &mut self.sides[side as usize].unread;
        let is_it = |event: &Value| event["event"] == name && is_it(event);
        unread.remove(unread.iter().position(is_it)?)
    }

    /// All events of this name that were not returned before.
    pub(super) fn take_all(&mut self, side: Side, name: &str) -> Vec<Value> {
        std::iter::from_fn(|| self.take(side, name, |_| true)).collect()
    }

    /// All that one side has said so far.
    pub fn said(&self, side: Side) -> &[Value] {
        &self.sides[side as usize].all
    }

    /// Ends one side's input; returns all it ever said, and how it ended.
    ///
    /// # Panics
    /// It does not end.
    pub fn end(&mut self, side: Side) -> (Vec<Value>, ExitStatus) {
        self.sides[side as usize].process.close();
        let deadline = Instant::now() + PATIENCE;
        while !self.sides[side as usize].ended {
            assert!(
                self.hear(deadline),
                "{side:?} does not end: {}",
                self.story()
            );
        }
        let peer = &mut self.sides[side as usize];
        (peer.all.clone(), peer.process.wait())
    }

    pub(super) fn hear(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.heard.recv_timeout(left) {
            Ok(Heard::Event(side, event)) => {
                self.signal(side, &event);
                let peer = &mut self.sides[side as usize];
                peer.unread.push_back(event.clone());
                peer.all.push(event);
                true
            }
            Ok(Heard::End(side)) => {
                self.sides[side as usize].ended = true;
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Carries to the other side what it must hear.
    fn signal(&mut self, from: Side, event: &Value) {
        let (Some(initiator), to) = (self.initiator, from.other()) else {
            return;
        };
        let role = if to == initiator {
            "initiator"
        } else {
            "responder"
        };
        let mut message = match event["event"].as_str() {
            Some("handshake_init_data") => json!({
                "message": "set_peer_init_data",
                "component_id": event["component_id"],
                "role": role,
                "init_data": event["init_data"],
            }),
            Some("local_credentials") => {
                json!({"message": "set_remote_credentials", "credentials": event["credentials"]})
            }
            Some("new_candidate_full") => json!({
                "message": "set_remote_candidate",
                "component_id": event["component_id"],
                "candidate": event["candidate"],
            }),
            Some("candidate_gathering_done") => json!({"message": "peer_candidate_gathering_done"}),
            _ => return,
        };
        // Peers of other makes give no numbers.
        for number in ["generation", "association"] {
            if let Some(value) = event.get(number) {
                message[number] = value.clone();
            }
        }
        // It may have ended meanwhile.
        let _ = self.sides[to as usize]
            .process
            .write(message.to_string().as_bytes());
    }

    fn refuse_failures(&self, awaited: &str) {
        let unread = self.sides.iter().flat_map(|peer| &peer.unread);
        for event in unread {
            let name = &event["event"];
            let bad = ["error", "component_state_failed", "could_not_send_payload"];
            assert!(
                name == awaited || !bad.iter().any(|bad| name == bad),
                "{event} came before {awaited}: {}",
                self.story()
            );
        }
    }

    /// All that both said, for whoever wants to know why they did not say more.
    pub fn story(&self) -> String {
        let of = |side: Side| {
            let lines = self.sides[side as usize].all.iter();
            lines.map(move |event| format!("\n  {side:?} {event}"))
        };
        Side::BOTH.into_iter().flat_map(of).collect()
    }
}

/// Bytes as they stand in a line.
pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// The bytes of one of an event's fields.
///
/// # Panics
/// They are not base64.
pub fn bytes(event: &Value, field: &str) -> Vec<u8> {
    let text = event[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} is missing: {event}"));
    BASE64_STANDARD
        .decode(text)
        .expect("fields with bytes are base64")
}
