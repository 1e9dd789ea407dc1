//! What is asked of every peer that has ICE and no handshake: it meets the plugin `none`.
use crate::host::host;
use handclasp_tests::processes::{Pair, Side, bytes, handclasp_stream};
use handclasp_tests::{Lacking, Namespace};
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Duration;

pub(crate) const HANDCLASP: Side = Side::A;
pub(crate) const PEER: Side = Side::B;

const QUIET: Duration = Duration::from_secs(35);

/// A stream of ours and one of the peer's, and the network between them.
pub(crate) struct Contact {
    pub(crate) pair: Pair,
    components: u16,
    _network: Namespace,
}

impl Contact {
    /// Starts both. What one says that the other must hear is carried there, unless they are `mute`.
    pub(crate) fn start(
        peer: Command,
        components: u16,
        controlling: Side,
        mute: bool,
    ) -> Result<Self, Lacking> {
        Self::start_with(&[], peer, components, controlling, mute)
    }

    /// The same, with more arguments for ours.
    pub(crate) fn start_with(
        arguments: &[&str],
        mut peer: Command,
        components: u16,
        controlling: Side,
        mute: bool,
    ) -> Result<Self, Lacking> {
        let network = host()?;
        let mut stream = handclasp_stream();
        stream.args(arguments);
        for command in [&mut stream, &mut peer] {
            command.arg(format!("--components={components}"));
        }
        match controlling {
            HANDCLASP => stream.arg("--controlling"),
            PEER => peer.arg("--controlling"),
        };
        let commands = [network.inside(&stream), network.inside(&peer)];
        Ok(Self {
            pair: Pair::start(commands, (!mute).then_some(HANDCLASP)),
            components,
            _network: network,
        })
    }

    /// Carries the credentials of each to the other, where they are mute, and nothing else.
    pub(crate) fn introduce(&mut self) {
        for side in Side::BOTH {
            let said = self.pair.expect(side, "local_credentials");
            let credentials = &said["credentials"];
            self.pair.send(
                side.other(),
                &json!({"message": "set_remote_credentials", "credentials": credentials}),
            );
        }
    }

    /// Tells the peer of `from` the next candidate over UDP that `from` tells, and returns it.
    pub(crate) fn pass_candidate(&mut self, from: Side) -> String {
        loop {
            let said = self.pair.expect(from, "new_candidate_full");
            let line = said["candidate"].as_str().expect("a candidate is a string");
            if line.to_lowercase().contains(" udp ") {
                self.tell_candidate(from.other(), line);
                return line.to_owned();
            }
        }
    }

    /// Tells one side a candidate of component 1.
    pub(crate) fn tell_candidate(&mut self, side: Side, line: &str) {
        self.pair.send(
            side,
            &json!({"message": "set_remote_candidate", "component_id": 1, "candidate": line}),
        );
    }

    /// Waits for an event of every component of this side's.
    pub(crate) fn expect_of_each(&mut self, side: Side, event: &str) {
        for component_id in self.component_ids() {
            self.pair
                .expect_where(side, event, |event| event["component_id"] == component_id);
        }
    }

    pub(crate) fn expect_ready(&mut self) {
        for side in Side::BOTH {
            self.expect_of_each(side, "component_state_ready");
        }
    }

    /// Data goes both ways through each component, and comes out of that one.
    pub(crate) fn exchange(&mut self, word: &str) {
        for component_id in self.component_ids() {
            for side in Side::BOTH {
                let payload = format!("\u{80}{word} from {side:?} through {component_id}");
                self.pair
                    .send_through(side, component_id, payload.as_bytes());
                let event = self.pair.expect(side.other(), "ice_payload");
                assert_eq!(event["component_id"], component_id, "{payload}");
                assert_eq!(bytes(&event, "payload"), payload.as_bytes());
            }
        }
    }

    /// Nobody loses the other while no data flows, for longer than a consent lasts (RFC 7675).
    pub(crate) fn expect_quiet(&mut self) {
        let lost = "component_state_disconnected";
        let event = self.pair.await_where(HANDCLASP, lost, QUIET, |_| true);
        assert_eq!(event, None);
    }

    /// Each ends well; returns what ours said.
    pub(crate) fn part(mut self) -> Vec<Value> {
        self.pair.send(PEER, &json!({"message": "stop"}));
        let [_, ours] = [PEER, HANDCLASP].map(|side| {
            let (events, status) = self.pair.end(side);
            assert_eq!(events.last(), Some(&json!({"event": "stopped"})));
            assert!(status.success(), "{side:?}: {status}");
            events
        });
        ours
    }

    fn component_ids(&self) -> RangeInclusive<u16> {
        1..=self.components
    }
}
