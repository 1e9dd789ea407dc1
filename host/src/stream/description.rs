//! The stream's side of SDP: what it says of itself, and what it makes of its peer's words.
use super::generations::Said;
use super::{ComponentState, Notification, Refused, Stage, Stream, fresh_id};
use crate::component::{self, Phase};
use crate::ice::Credentials;
use crate::sdp::{LocalDescription, RemoteDescription, RtcpMux, Setup};
use std::net::SocketAddr;
use std::time::Instant;

/// Who offered, who starts, and where RTCP goes.
#[derive(Debug)]
pub(super) struct Negotiation {
    session_id: u64,
    versions: u64,
    local: Option<Setup>,
    remote: Option<Setup>,
    /// Whether the peer's latest description has `a=rtcp-mux`; `None` before the first.
    remote_mux: Option<bool>,
}

impl Negotiation {
    pub(super) fn new() -> Self {
        Self {
            session_id: session_id(),
            versions: 0,
            local: None,
            remote: None,
            remote_mux: None,
        }
    }

    /// What this side's description says: an answer if the peer has spoken, else an offer.
    fn local_setup(&mut self) -> Setup {
        let remote = self.remote;
        *self
            .local
            .get_or_insert_with(|| remote.map_or(Setup::ActPass, Setup::answer))
    }

    /// What this side's description says: an answer has `a=rtcp-mux` if the offer has (RFC 8035).
    fn local_mux(&self, n_components: u16) -> RtcpMux {
        match (n_components, self.remote_mux) {
            (1, None) => RtcpMux::Only,
            (2, None) | (1 | 2, Some(true)) => RtcpMux::On,
            _ => RtcpMux::Off, // more components are not RTP and RTCP
        }
    }
}

/// What no other session of this side's has, in whatever process (RFC 8866, section 5.2), from the operating system's
/// CSPRNG; below 2^63 (RFC 8829, section 5.2.1).
fn session_id() -> u64 {
    getrandom::u64().expect("the system's CSPRNG does not fail once it is seeded") >> 1
}

impl Stream {
    pub(super) fn generate_local_sdp(&mut self) -> Result<(), Refused> {
        if self.is_preparing() {
            if self.closing {
                return Err(Refused::StreamClosed);
            }
            self.describes = true; // once it has something to describe
            return Ok(());
        }
        let setup = self.negotiation.local_setup();
        let rtcp_mux = self
            .negotiation
            .local_mux(self.config.settings.n_components);
        let components = match self.multiplexes() {
            true => &self.components[..1],
            false => &self.components,
        };
        let staying = components.iter().filter(|state| state.stays());
        let candidates: Vec<String> = staying
            .flat_map(|state| state.component.agent().local_candidates())
            .collect();
        let default_addresses: Vec<Option<SocketAddr>> = components
            .iter()
            .map(|state| state.component.agent().default_address())
            .collect();
        let init_data: Vec<Option<&[u8]>> = components
            .iter()
            .map(|state| state.init_data.as_deref())
            .collect();
        let description = LocalDescription {
            session_id: self.negotiation.session_id,
            session_version: self.negotiation.versions,
            ufrag: self.generations.local().ufrag(),
            pwd: self.generations.local().pwd(),
            ice_lite: self.config.settings.ice_lite,
            setup,
            rtcp_mux,
            default_addresses: &default_addresses,
            candidates: &candidates,
            end_of_candidates: self.stage == Stage::Gathered,
            plugin_id: &self.config.plugin.id,
            init_data_format: &self.format,
            init_data: &init_data,
        };
        let sdp = description.to_sdp()?;
        self.negotiation.versions += 1;
        self.generations.describe();
        self.notify(Notification::LocalSdp { sdp });
        Ok(())
    }

    /// Whether an `init` is under way whose data belongs into a description.
    fn is_preparing(&self) -> bool {
        let starts =
            |state: &ComponentState| state.stays() && state.component.phase() == Phase::Starting;
        self.stage == Stage::Starting || self.components.iter().any(starts)
    }

    /// Gives the description that was asked for before there was one.
    pub(super) fn describe_late(&mut self) {
        if self.describes && !self.is_preparing() {
            self.describes = false;
            if let Err(reason) = self.generate_local_sdp() {
                self.warn(format!("there is no local_sdp: {reason}"));
            }
        }
    }

    /// Reads all of the description before anything of it takes effect.
    pub(super) fn parse_remote_sdp(&mut self, now: Instant, sdp: &str) -> Result<(), Refused> {
        let description = RemoteDescription::parse(sdp)?;
        let credentials = Credentials::new(description.ufrag.as_str(), description.pwd.as_str())?;
        let init_data = self
            .component_ids()
            .map(|id| description.init_data(&self.config.plugin.id, &self.format, id))
            .collect::<Result<Vec<_>, _>>()?;
        if description.ice_lite && self.config.settings.ice_lite {
            return Err(Refused::BothLite);
        }
        let may_answer = description.setup != Some(Setup::ActPass);
        let said = Said::Description { may_answer };
        if !self.set_remote_credentials(credentials, said)? {
            return Ok(()); // of an earlier generation: it came late, or again
        }
        if description.ice_lite {
            for state in &mut self.components {
                state.component.agent_mut().take_control();
            }
        }
        self.negotiation.remote_mux = Some(description.rtcp_mux);
        if self.multiplexes() {
            self.multiplex(now);
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
                for (state, init_data) in self.components.iter_mut().zip(init_data) {
                    if let Some(init_data) = init_data {
                        let said = component::Said::Description;
                        let component = &mut state.component;
                        component.set_peer(now, role, init_data, said, fresh_id());
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

    /// Whether both sides say that RTCP comes with RTP.
    fn multiplexes(&self) -> bool {
        self.config.settings.n_components == 2 && self.negotiation.remote_mux == Some(true)
    }

    /// Component 2 ends: RTCP comes over component 1 (RFC 5761, section 5.1.3).
    fn multiplex(&mut self, now: Instant) {
        self.components[1].component.close(now);
        self.start_gathering(now); // unless it waits for more than component 2
    }

    fn take_remote_candidates(&mut self, description: &RemoteDescription) {
        for (component_id, line) in &description.candidates {
            if usize::from(*component_id) > self.components.len() {
                continue; // such as RTCP's where this side has no component for it
            }
            if let Err(reason) = self.add_remote_candidate(*component_id, line) {
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
