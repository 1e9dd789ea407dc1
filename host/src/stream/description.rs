//! The stream's side of SDP: what it says of itself, and what it makes of its peer's words.
use super::{Member, Notification, Refused, Stage, Stream, fresh_id, refused};
use crate::component::Phase;
use crate::ice::Credentials;
use crate::sdp::{LocalDescription, RemoteDescription, Setup};
use std::time::Instant;

/// Who offered, and who starts.
#[derive(Debug)]
pub(super) struct Negotiation {
    session_id: u64,
    versions: u64,
    local: Option<Setup>,
    remote: Option<Setup>,
}

impl Negotiation {
    pub(super) fn new(session_id: u64) -> Self {
        Self {
            session_id,
            versions: 0,
            local: None,
            remote: None,
        }
    }

    /// What this side's description says: an answer if the peer has spoken, else an offer.
    fn local_setup(&mut self) -> Setup {
        let remote = self.remote;
        *self
            .local
            .get_or_insert_with(|| remote.map_or(Setup::ActPass, Setup::answer))
    }
}

impl Stream {
    pub(super) fn generate_local_sdp(&mut self) -> Result<(), Refused> {
        let starts = |member: &Member| member.component.phase() == Phase::Starting;
        if self.components.iter().any(starts) {
            return Err(Refused(
                "the plugin's init has not finished: wait for handshake_init_data".to_owned(),
            ));
        }
        let setup = self.negotiation.local_setup();
        let candidates: Vec<String> = self
            .components
            .iter()
            .flat_map(|member| member.component.agent().local_candidates())
            .collect();
        let init_data: Vec<Option<&[u8]>> = self
            .components
            .iter()
            .map(|member| member.init_data.as_deref())
            .collect();
        let description = LocalDescription {
            session_id: self.negotiation.session_id,
            session_version: self.negotiation.versions,
            ufrag: self.credentials.ufrag(),
            pwd: self.credentials.pwd(),
            ice_lite: self.config.ice_lite,
            setup,
            default_address: self.components[0].default_address,
            candidates: &candidates,
            end_of_candidates: self.stage == Stage::Gathered,
            plugin_id: self.config.plugin.id(),
            init_data_format: &self.format,
            init_data: &init_data,
        };
        let sdp = description.to_sdp().map_err(refused)?;
        self.negotiation.versions += 1;
        self.notify(Notification::LocalSdp { sdp });
        Ok(())
    }

    /// Reads all of the description before anything of it takes effect.
    pub(super) fn parse_remote_sdp(&mut self, now: Instant, sdp: &str) -> Result<(), Refused> {
        let description = RemoteDescription::parse(sdp).map_err(refused)?;
        let credentials = Credentials::new(description.ufrag.as_str(), description.pwd.as_str())
            .map_err(refused)?;
        let init_data = self
            .component_ids()
            .map(|id| description.init_data(self.config.plugin.id(), &self.format, id))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refused)?;
        if description.ice_lite && self.config.ice_lite {
            return Err(Refused(
                "both sides are ICE-lite, and neither would check anything: leave out --ice-lite here"
                    .to_owned(),
            ));
        }
        self.set_remote_credentials(credentials)?;
        if description.ice_lite {
            for member in &mut self.components {
                member.component.agent_mut().take_control();
            }
        }
        self.take_remote_candidates(&description);
        // RFC 4145, section 4.1: an offer without a=setup is active, an answer without it passive.
        let unsaid = if self.negotiation.local.is_some() {
            Setup::Passive
        } else {
            Setup::Active
        };
        let remote = description.setup.unwrap_or(unsaid);
        self.negotiation.remote.get_or_insert(remote);
        let local = self.negotiation.local_setup();
        match local.role(remote) {
            Some(role) => {
                for (member, init_data) in self.components.iter_mut().zip(init_data) {
                    if let Some(init_data) = init_data {
                        member.component.set_peer(now, role, init_data, fresh_id());
                    }
                }
            }
            None => self.notify(Notification::Warning {
                warning: format!(
                    "the descriptions do not settle who starts (a=setup:{local} here, a=setup:{remote} there): \
                     give the role with set_peer_init_data"
                ),
            }),
        }
        Ok(())
    }

    fn take_remote_candidates(&mut self, description: &RemoteDescription) {
        for (component_id, line) in &description.candidates {
            if usize::from(*component_id) > self.components.len() {
                continue; // such as RTCP's where both sides multiplex (RFC 5761)
            }
            if let Err(Refused(reason)) = self.add_remote_candidate(*component_id, line) {
                self.notify(Notification::Warning {
                    warning: format!("a candidate was left out: {reason}"),
                });
            }
        }
        if description.end_of_candidates {
            self.set_end_of_candidates();
        }
    }
}
