use crate::stream::Notification;
use base64::display::Base64Display;
use base64::prelude::BASE64_STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A notification as a line of output. Serialised straight into its writer: no copy of a secret stays.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    notification: &'a Notification,
    secrets: Secrets,
}

/// What becomes of keying material, passwords and the application's datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Written: for the program that drives the stream.
    Shown,
    /// Left out, or only their length told: for people's eyes.
    Redacted,
}

/// A datagram from the peer as a line of output.
#[derive(Clone, Copy, Debug)]
pub struct PayloadEvent<'a> {
    /// The component that it came to.
    pub component_id: u16,
    /// The datagram.
    pub payload: &'a [u8],
}

/// A complaint about a line of input; its other lines are not affected.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "event", rename = "error")]
pub struct ErrorEvent {
    /// The line, counted from 1.
    pub line: u64,
    /// Where in the line, in bytes, counted from 1; `None` if it was understood, but refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// One sentence: what is wrong and what to do.
    pub error: String,
}

/// The names of all events that are notifications.
pub fn event_names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}

/// Each name that [`Event::name`] gives, in its order.
const NAMES: [&str; 17] = [
    "handshake_init_data",
    "local_credentials",
    "new_candidate_full",
    "candidate_gathering_done",
    "new_remote_candidate_full",
    "new_selected_pair",
    "handshake_data",
    "component_state_ready",
    "exported_key",
    "could_not_export_key",
    "component_state_disconnected",
    "component_state_failed",
    "component_closed",
    "could_not_send_payload",
    "local_sdp",
    "warning",
    "stopped",
];

impl<'a> Event<'a> {
    /// Says `notification`.
    pub fn new(notification: &'a Notification, secrets: Secrets) -> Self {
        Self {
            notification,
            secrets,
        }
    }

    /// The value of its member `event`.
    pub fn name(&self) -> &'static str {
        match self.notification {
            Notification::HandshakeInitData { .. } => "handshake_init_data",
            Notification::LocalCredentials { .. } => "local_credentials",
            Notification::NewCandidateFull { .. } => "new_candidate_full",
            Notification::CandidateGatheringDone => "candidate_gathering_done",
            Notification::NewRemoteCandidateFull { .. } => "new_remote_candidate_full",
            Notification::NewSelectedPair { .. } => "new_selected_pair",
            Notification::HandshakeData { .. } => "handshake_data",
            Notification::ComponentStateReady { .. } => "component_state_ready",
            Notification::ExportedKey { .. } => "exported_key",
            Notification::CouldNotExportKey { .. } => "could_not_export_key",
            Notification::ComponentStateDisconnected { .. } => "component_state_disconnected",
            Notification::ComponentStateFailed { .. } => "component_state_failed",
            Notification::ComponentClosed { .. } => "component_closed",
            Notification::CouldNotSendPayload { .. } => "could_not_send_payload",
            Notification::LocalSdp { .. } => "local_sdp",
            Notification::Warning { .. } => "warning",
            Notification::Stopped => "stopped",
        }
    }

    fn component_id(&self) -> Option<u16> {
        match *self.notification {
            Notification::HandshakeInitData { component_id, .. }
            | Notification::NewCandidateFull { component_id, .. }
            | Notification::NewRemoteCandidateFull { component_id, .. }
            | Notification::NewSelectedPair { component_id, .. }
            | Notification::HandshakeData { component_id, .. }
            | Notification::ComponentStateReady { component_id, .. }
            | Notification::ExportedKey { component_id, .. }
            | Notification::CouldNotExportKey { component_id, .. }
            | Notification::ComponentStateDisconnected { component_id }
            | Notification::ComponentStateFailed { component_id, .. }
            | Notification::ComponentClosed { component_id, .. }
            | Notification::CouldNotSendPayload { component_id, .. } => Some(component_id),
            Notification::LocalCredentials { .. }
            | Notification::CandidateGatheringDone
            | Notification::LocalSdp { .. }
            | Notification::Warning { .. }
            | Notification::Stopped => None,
        }
    }

    fn secret<M: SerializeMap>(
        &self,
        map: &mut M,
        name: &str,
        data: &[u8],
    ) -> Result<(), M::Error> {
        match self.secrets {
            Secrets::Shown => map.serialize_entry(name, &Base64(data)),
            Secrets::Redacted => map.serialize_entry("bytes", &data.len()),
        }
    }
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", self.name())?;
        if let Some(component_id) = self.component_id() {
            map.serialize_entry("component_id", &component_id)?;
        }
        let shown = self.secrets == Secrets::Shown;
        match self.notification {
            Notification::HandshakeInitData {
                init_data,
                association,
                ..
            } => {
                map.serialize_entry("init_data", &Base64(init_data))?;
                map.serialize_entry("association", association)?;
                // The keys are the application's: no payload is encrypted on its way.
                map.serialize_entry("payload_protection", "none")?;
            }
            Notification::LocalCredentials {
                credentials,
                generation,
            } => {
                if shown {
                    map.serialize_entry("credentials", credentials)?;
                }
                map.serialize_entry("generation", generation)?;
            }
            Notification::NewCandidateFull { candidate, .. }
            | Notification::NewRemoteCandidateFull { candidate, .. } => {
                map.serialize_entry("candidate", candidate)?;
            }
            Notification::NewSelectedPair { pair, .. } => {
                map.serialize_entry("local", &pair.local)?;
                map.serialize_entry("remote", &pair.remote)?;
                map.serialize_entry("transport", &pair.transport.to_string())?;
            }
            Notification::HandshakeData { data, .. }
            | Notification::ComponentStateReady { data, .. } => {
                self.secret(&mut map, "handshake_data", data)?;
            }
            Notification::ExportedKey { label, key, .. } => {
                map.serialize_entry("label", label)?;
                self.secret(&mut map, "key", key)?;
            }
            Notification::CouldNotExportKey { label, reason, .. } => {
                map.serialize_entry("label", label)?;
                map.serialize_entry("reason", reason)?;
            }
            Notification::ComponentStateFailed { reason, .. } => {
                map.serialize_entry("kind", reason.kind())?;
                map.serialize_entry("reason", &reason.to_string())?;
            }
            Notification::CouldNotSendPayload { reason, .. } => {
                map.serialize_entry("reason", reason)?;
            }
            Notification::ComponentClosed { by_peer, .. } => {
                map.serialize_entry("by_peer", by_peer)?;
            }
            Notification::LocalSdp { sdp } if shown => map.serialize_entry("sdp", sdp)?,
            Notification::Warning { warning } => map.serialize_entry("warning", warning)?,
            Notification::LocalSdp { .. }
            | Notification::CandidateGatheringDone
            | Notification::ComponentStateDisconnected { .. }
            | Notification::Stopped => {}
        }
        map.end()
    }
}

impl Serialize for PayloadEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("event", "ice_payload")?;
        map.serialize_entry("component_id", &self.component_id)?;
        map.serialize_entry("payload", &Base64(self.payload))?;
        map.end()
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &BASE64_STANDARD))
    }
}
