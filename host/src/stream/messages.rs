//! What the application says to a stream.
use super::{Message, Notification, Refused, Stage, Stream, fresh_id, refused};
use crate::ice::{Accepted, Credentials, Ignored};
use std::time::Instant;

impl Stream {
    /// What the application says.
    ///
    /// # Errors
    /// A sentence that says what to do instead; nothing has changed then.
    pub fn handle_message(&mut self, now: Instant, message: Message) -> Result<(), Refused> {
        if self.stage == Stage::Ended && message != Message::Stop {
            return Err(Refused("the stream has ended: start another".to_owned()));
        }
        match message {
            Message::SetRemoteCredentials { credentials } => {
                let credentials = credentials.parse().map_err(refused)?;
                self.set_remote_credentials(credentials)?;
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
            } => {
                let member = self.member(component_id)?;
                if member.ended {
                    let reason =
                        format!("component {component_id} has ended: start another stream");
                    return Err(Refused(reason));
                }
                member.component.set_peer(now, role, init_data, fresh_id());
            }
            Message::Listen { component_id } => self.listen(component_id)?,
            Message::Close => self.close(now),
            Message::Stop => {
                self.stopping = true;
                self.close(now);
            }
        }
        self.settle(now);
        Ok(())
    }

    pub(super) fn set_remote_credentials(
        &mut self,
        credentials: Credentials,
    ) -> Result<(), Refused> {
        for member in &self.components {
            let agent = member.component.agent();
            agent
                .check_remote_credentials(&credentials)
                .map_err(refused)?;
        }
        let known = self.remote.replace(credentials.clone());
        let changed = known.is_some_and(|known| known != credentials);
        if changed && !self.restarting {
            self.restart_agents(); // the peer restarted: so does this side (RFC 8445, section 9)
        }
        self.restarting &= !changed;
        for member in &mut self.components {
            member
                .component
                .agent_mut()
                .set_remote_credentials(credentials.clone())
                .map_err(refused)?;
        }
        Ok(())
    }

    pub(super) fn add_remote_candidate(
        &mut self,
        component_id: u16,
        line: &str,
    ) -> Result<(), Refused> {
        let member = self.member(component_id)?;
        if !member.stays() {
            return Ok(()); // the peer may not know yet that there is no need of it
        }
        let agent = member.component.agent_mut();
        match agent.add_remote_candidate(line).map_err(refused)? {
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
        for member in &mut self.components {
            member.component.agent_mut().set_end_of_candidates();
        }
    }

    fn gather_again(&mut self, now: Instant) -> Result<(), Refused> {
        if self.stage == Stage::Starting {
            return Err(Refused(
                "gathering starts by itself once every init has finished".to_owned(),
            ));
        }
        if self.closing {
            return Err(Refused("the stream was closed: start another".to_owned()));
        }
        self.gather(now);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Refused> {
        if self.stage == Stage::Starting {
            return Err(Refused(
                "nothing to restart yet: wait for local_credentials".to_owned(),
            ));
        }
        self.restarting = true;
        self.restart_agents();
        Ok(())
    }

    pub(super) fn restart_agents(&mut self) {
        self.credentials = Credentials::generate();
        for member in &mut self.components {
            member
                .component
                .agent_mut()
                .restart(self.credentials.clone());
        }
        self.announce_credentials();
        self.announce_candidates();
    }

    pub(super) fn announce_credentials(&mut self) {
        let credentials = self.credentials.to_string();
        self.notify(Notification::LocalCredentials { credentials });
    }

    /// After a restart the peer hears the same candidates under new credentials.
    fn announce_candidates(&mut self) {
        for member in self.components.iter().filter(|member| member.stays()) {
            let component_id = member.component.id();
            for candidate in member.component.agent().local_candidates() {
                self.notifications
                    .push_back(Notification::NewCandidateFull {
                        component_id,
                        candidate,
                    });
            }
        }
        if self.stage == Stage::Gathered {
            self.notify(Notification::CandidateGatheringDone);
        }
    }

    fn listen(&mut self, component_id: u16) -> Result<(), Refused> {
        let member = self.member(component_id)?;
        member.listened = true;
        let finished = member.component.handshake_data().cloned();
        let ready = member.component.is_ready();
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
        for member in &mut self.components {
            member.component.close(now);
        }
    }
}
