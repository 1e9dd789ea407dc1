//! What agent and driver say, carried to where it belongs.
use super::driver::{Driver, ENDED, Output};
use super::waiting::{MAX_BYTES, cost};
use super::{Cause, Component, Event, Failure, Phase};
use crate::ice::{self, Transmit};
use std::time::Instant;

impl Component {
    /// Carries what agent and driver have said to where it belongs, until both are silent.
    pub(super) fn settle(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.leaving.iter_mut().find_map(Driver::poll_output) {
                self.take_last_words(now, output);
            }
            if let Some(output) = self.driver.poll_output() {
                self.take_output(now, output);
            } else if let Some(event) = self.agent.poll_event() {
                self.take_ice_event(now, event);
            } else if let Some(found) = self.poll_found() {
                self.take_found(found);
            } else if let Some(refusal) = self.refusal() {
                self.fail(refusal);
            } else {
                break;
            }
        }
        self.leaving.retain(|old| !old.is_gone());
        self.follow_peer();
        self.watch_the_time(now);
        if self.driver.phase() == Phase::Ended {
            self.early.clear();
            for number in self.strangers.clear() {
                self.take_drop(now, number, Cause::Ended);
            }
            self.handshake_data = None; // keying material lives no longer than what it is for
            self.leave_relays(now);
            if let Some(sentences) = self.drops.tell_all() {
                self.warn_of_drops(&sentences);
            }
            return;
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            self.transmits.push_back(transmit);
        }
        self.exchange(now);
    }

    fn take_output(&mut self, now: Instant, output: Output) {
        match output {
            Output::InitData(data) => {
                self.association.announced(now, &data);
                self.events.push_back(Event::InitData(data));
            }
            Output::Packet(packet) => self.send_packet(now, packet),
            Output::Dropped(number, cause) => self.take_drop(now, number, cause),
            Output::Warning(warning) => self.events.push_back(Event::Warning(warning)),
            Output::ExportedKey(label, key) => {
                self.events.push_back(Event::ExportedKey(label, key));
            }
            Output::NotExported(label, reason) => {
                self.events.push_back(Event::NotExported(label, reason));
            }
            Output::Application(datagram) => self.events.push_back(Event::Application(datagram)),
            Output::Finished(data) => {
                // A handshake that finished in `init` agreed on nothing.
                if self.agreed_on_something() {
                    self.events.push_back(Event::HandshakeData(data.clone()));
                }
                self.handshake_data = Some(data);
                self.report_ready();
            }
            Output::Failed(failure) => {
                let failure = Failure::Plugin(failure);
                self.events.push_back(Event::Failed(failure));
            }
            Output::Closed { by_peer } => self.events.push_back(Event::Closed { by_peer }),
        }
    }

    fn agreed_on_something(&self) -> bool {
        self.driver.has_instance()
    }

    pub(super) fn take_drop(&mut self, now: Instant, number: u64, cause: Cause) {
        self.drops.note(now, cause);
        self.events.push_back(Event::Dropped(Some(number), cause));
    }

    fn take_last_words(&mut self, now: Instant, output: Output) {
        match output {
            Output::Packet(packet) => self.send_packet(now, packet),
            Output::Dropped(number, cause) => self.take_drop(now, number, cause),
            Output::Warning(warning) => self.events.push_back(Event::Warning(warning)),
            Output::Failed(failure) => self.events.push_back(Event::Warning(failure.to_string())),
            Output::InitData(_)
            | Output::ExportedKey(..)
            | Output::NotExported(..)
            | Output::Application(_)
            | Output::Finished(_)
            | Output::Closed { .. } => {}
        }
    }

    fn take_ice_event(&mut self, now: Instant, event: ice::Event) {
        match event {
            ice::Event::Selected(pair) => {
                self.gatherer.set_selected(now, Some(pair));
                self.events.push_back(Event::SelectedPair(pair));
                if self.ready.since.is_none() {
                    self.become_ready(now);
                }
            }
            ice::Event::Disconnected => {
                self.gatherer.set_selected(now, None);
                self.events.push_back(Event::Disconnected);
            }
            ice::Event::Unverified(transport, remote) => {
                self.events.push_back(Event::Unverified(transport, remote));
            }
            ice::Event::PeerNamed(ufrag) => self.events.push_back(Event::PeerNamed(ufrag)),
            ice::Event::Failed(cause) => self.fail(self.explain(cause)),
        }
    }

    /// Why ICE failed, and what else is known: a peer that refuses a handshake falls silent.
    fn explain(&self, cause: ice::Failure) -> Failure {
        let warned = self.plugin_warning().filter(|_| self.in_progress());
        let warned = warned.map(|warned| format!("plugin {}: {warned}", self.config.plugin.id));
        let cause = cause.with_turn_servers(self.gatherer.turn_servers());
        let notes = self.gatherer.troubles().into_iter().chain(warned).collect();
        Failure::Ice { cause, notes }
    }

    fn become_ready(&mut self, now: Instant) {
        self.ready.since = Some(now);
        for packet in std::mem::take(&mut self.early) {
            self.send_packet(now, packet);
        }
        self.driver.ready();
        self.report_ready();
    }

    /// A handshake in progress has until a while after READY, or after it began if that came later.
    fn watch_the_time(&mut self, now: Instant) {
        if !self.in_progress() {
            self.handshake_deadline = None;
        } else if self.ready.since.is_some() && self.handshake_deadline.is_none() {
            self.handshake_deadline = Some(now + self.config.handshake_timeout);
        }
    }

    fn in_progress(&self) -> bool {
        matches!(
            self.driver.phase(),
            Phase::Starting | Phase::AwaitingPeer | Phase::InProgress
        )
    }

    fn report_ready(&mut self) {
        let finished = self.driver.phase() == Phase::Finished;
        if let (true, false, Some(_), Some(data)) = (
            finished,
            self.ready.reported,
            self.ready.since,
            &self.handshake_data,
        ) {
            self.ready.reported = true;
            self.events.push_back(Event::Ready(data.clone()));
        }
    }

    /// To the peer if there is a way; before READY it waits for one, in bounds.
    pub(super) fn send_packet(&mut self, now: Instant, packet: Vec<u8>) {
        if let Some(pair) = self.agent.selected_pair() {
            self.transmits.push_back(Transmit::new(pair, packet));
        } else if self.ready.since.is_none() {
            self.early.push_back(packet);
            let bytes = |packet: &Vec<u8>| cost(packet.len());
            while self.early.iter().map(bytes).sum::<usize>() > MAX_BYTES {
                self.early.pop_front();
                self.drops.note(now, Cause::TooEarly);
            }
        }
        // Without consent nothing leaves: the handshake's own retransmission repeats it.
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        if self.driver.phase() != Phase::Ended {
            self.drop_exports(ENDED);
            self.driver.abandon();
            self.events.push_back(Event::Failed(failure));
        }
    }
}
