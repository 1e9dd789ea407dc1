//! What the application says to a stream.
use super::early::ufrag_of;
use super::generations::{Belonging, MAX_NUMBER, Said};
use super::{Event, Message, Notification, Refused, Stage, Stream, fresh_id};
use crate::component;
use crate::ice::{Accepted, Credentials, Ignored};
use crate::plugin::ExportParameters;
use std::time::Instant;

impl Stream {
    /// What the application says.
    ///
    /// # Errors
    /// Why not, with what to do instead; nothing has changed then.
    pub fn handle_message(&mut self, now: Instant, message: Message) -> Result<(), Refused> {
        if self.stage == Stage::Ended && message != Message::Stop {
            return Err(Refused::StreamEnded);
        }
        match message {
            Message::SetRemoteCredentials {
                credentials,
                generation,
            } => {
                check_number("generation", generation)?;
                let credentials = credentials.parse()?;
                self.set_remote_credentials(credentials, Said::Line(generation))?;
            }
            Message::SetRemoteCandidate {
                candidate,
                component_id,
            } => {
                self.add_remote_candidate(component_id, &candidate)?;
            }
            Message::ParseRemoteSdp { sdp } => self.parse_remote_sdp(now, &sdp)?,
            Message::GenerateLocalSdp => self.generate_local_sdp()?,
            Message::PeerCandidateGatheringDone => self.set_end_of_candidates(),
            Message::GatherCandidates => self.gather_again(now)?,
            Message::RestartStream => self.restart()?,
            Message::SetPeerInitData {
                component_id,
                role,
                init_data,
                association,
            } => {
                check_number("association", association)?;
                let state = self.component_mut(component_id)?;
                if state.ended {
                    return Err(Refused::ComponentEnded { component_id });
                }
                let component = &state.component;
                if let Some(present) = component.contradicted(role, &init_data, association) {
                    return Err(Refused::RoleChanged {
                        component_id,
                        present,
                    });
                }
                let said = component::Said::Line(association);
                let component = &mut state.component;
                component.set_peer(now, role, init_data, said, fresh_id());
            }
            Message::Listen { component_id } => self.listen(component_id)?,
            Message::ExportKey {
                component_id,
                label,
                context,
                length,
            } => {
                let parameters = ExportParameters {
                    label,
                    context,
                    length,
                };
                self.export_key(now, component_id, parameters)?;
            }
            Message::Close => self.close(now),
            Message::Stop => {
                self.stopping = true;
                self.close(now);
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Takes credentials of the peer's, and tells whether they are those of the present generation.
    pub(super) fn set_remote_credentials(
        &mut self,
        credentials: Credentials,
        said: Said,
    ) -> Result<bool, Refused> {
        if self.generations.is_local(&credentials) {
            return Err(Refused::OwnCredentials);
        }
        let is_proven = self.is_proven();
        match self.generations.belonging(&credentials, said, is_proven) {
            Belonging::Known => return Ok(true),
            Belonging::Past => {
                self.generations.remember(credentials);
                return Ok(false);
            }
            Belonging::Present => {}
            // The peer has restarted: so does this side (RFC 8445, section 9).
            Belonging::Next(number) => self.begin_generation(number),
        }
        self.generations.adopt(credentials, said);
        self.introduce_peer();
        Ok(true)
    }

    /// Whether the peer's checks have shown that it uses the present credentials of both sides together.
    fn is_proven(&self) -> bool {
        let mut components = self.components.iter();
        components.any(|state| state.component.agent().is_proven())
    }

    /// An authentic check of the peer's, sent to this side's present credentials, came with others of its own than
    /// are taken for the present ones.
    pub(super) fn hear_of_credentials(&mut self, ufrag: &str) {
        let Some(other) = self.generations.other(ufrag).cloned() else {
            return;
        };
        if self.is_proven() {
            return;
        }
        let (remote, is_restart) = self.generations.correct(other);
        if is_restart {
            self.begin_generation(self.generations.next());
            self.generations.carry(remote);
        } else {
            self.generations.adopt(remote, Said::Line(None));
        }
        self.introduce_peer();
    }

    /// Tells the agents the peer's credentials, and candidates that came before these.
    fn introduce_peer(&mut self) {
        let Some(remote) = self.generations.remote().cloned() else {
            return;
        };
        for state in &mut self.components {
            let agent = state.component.agent_mut();
            agent.set_remote_credentials(remote.clone());
        }
        for (component_id, line) in self.early.take(remote.ufrag()) {
            if let Err(reason) = self.add_remote_candidate(component_id, &line) {
                self.warn(format!("a candidate was left out: {reason}"));
            }
        }
    }

    pub(super) fn add_remote_candidate(
        &mut self,
        component_id: u16,
        line: &str,
    ) -> Result<(), Refused> {
        let state = self.component_mut(component_id)?;
        if !state.stays() {
            return Ok(()); // the peer may not know yet that there is no need of it
        }
        let present = self.generations.remote().map(Credentials::ufrag);
        if let Some(ufrag) = ufrag_of(line).filter(|ufrag| Some(*ufrag) != present) {
            if self.generations.other(ufrag).is_none()
                && let Some(dropped) = self.early.keep(component_id, line)
            {
                self.warn(format!(
                    "a candidate was left out, for more wait for credentials that have not come than there is room \
                     for: {dropped}"
                ));
            }
            return Ok(());
        }
        let state = self.component_mut(component_id)?;
        let agent = state.component.agent_mut();
        match agent.add_remote_candidate(line)? {
            Accepted::New => self.tell_remote_candidate(component_id, line),
            Accepted::Ignored(Ignored::HostName) => self.look_up_candidate(component_id, line),
            Accepted::Known | Accepted::Ignored(_) => {}
        }
        Ok(())
    }

    pub(super) fn tell_remote_candidate(&mut self, component_id: u16, line: &str) {
        let candidate = line.to_owned();
        self.notify(Notification::NewRemoteCandidateFull {
            component_id,
            candidate,
        });
    }

    pub(super) fn set_end_of_candidates(&mut self) {
        for state in &mut self.components {
            state.component.agent_mut().set_end_of_candidates();
        }
    }

    fn gather_again(&mut self, now: Instant) -> Result<(), Refused> {
        if self.stage == Stage::Starting {
            return Err(Refused::GatheringTooEarly);
        }
        if self.closing {
            return Err(Refused::StreamClosed);
        }
        self.gather(now);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Refused> {
        if self.stage == Stage::Starting {
            return Err(Refused::RestartTooEarly);
        }
        self.begin_generation(self.generations.next());
        Ok(())
    }

    /// Restarts ICE with new credentials of this side's, and tells them.
    fn begin_generation(&mut self, number: u64) {
        let local = Credentials::generate();
        for state in &mut self.components {
            state.component.agent_mut().restart(local.clone());
        }
        self.generations.begin(number, local);
        // The end of the start tells the first ones.
        if self.stage != Stage::Starting {
            self.announce_credentials();
            self.announce_candidates();
        }
    }

    pub(super) fn announce_credentials(&mut self) {
        let credentials = self.generations.local().to_string();
        let generation = self.generations.number();
        self.notify(Notification::LocalCredentials {
            credentials,
            generation,
        });
    }

    /// A candidate as the peer is told of it: with the ufrag of the credentials that it goes with.
    pub(super) fn tagged(&self, candidate: &str) -> String {
        format!("{candidate} ufrag {}", self.generations.local().ufrag())
    }

    /// After a restart the peer hears the same candidates under new credentials.
    fn announce_candidates(&mut self) {
        for state in self.components.iter().filter(|state| state.stays()) {
            let component_id = state.component.id();
            for candidate in state.component.agent().local_candidates() {
                let candidate = self.tagged(&candidate);
                let notification = Notification::NewCandidateFull {
                    component_id,
                    candidate,
                };
                self.events.push_back(Event::Notification(notification));
            }
        }
        if self.stage == Stage::Gathered {
            self.notify(Notification::CandidateGatheringDone);
        }
    }

    /// Listens to every component, as [`Message::Listen`] does: at the start there is nothing that it has missed.
    pub fn listen_from_the_start(&mut self) {
        for state in &mut self.components {
            state.listened = true;
        }
    }

    fn listen(&mut self, component_id: u16) -> Result<(), Refused> {
        let state = self.component_mut(component_id)?;
        state.listened = true;
        let finished = state.component.handshake_data().cloned();
        let ready = state.component.is_ready();
        if let Some(data) = finished {
            self.notify(Notification::HandshakeData {
                component_id,
                data: data.clone(),
            });
            if ready {
                self.notify(Notification::ComponentStateReady { component_id, data });
            }
        }
        Ok(())
    }

    fn close(&mut self, now: Instant) {
        self.closing = true;
        for state in &mut self.components {
            state.component.close(now);
        }
    }
}

fn check_number(field: &'static str, number: Option<u64>) -> Result<(), Refused> {
    match number {
        Some(number) if number > MAX_NUMBER => Err(Refused::Number { field, number }),
        _ => Ok(()),
    }
}
