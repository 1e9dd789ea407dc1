use super::What;
use super::recorder::transport;
use crate::stream::Notification;

impl What {
    /// What a trace says of a notification: nothing secret.
    pub(super) fn of(notification: &Notification) -> Self {
        match notification {
            Notification::HandshakeInitData {
                component_id,
                init_data,
                ..
            } => Self::HandshakeInitData {
                component_id: *component_id,
                bytes: init_data.len(),
            },
            Notification::LocalCredentials { .. } => Self::LocalCredentials,
            Notification::NewCandidateFull {
                component_id,
                candidate,
            } => Self::NewCandidateFull {
                component_id: *component_id,
                candidate: candidate.clone(),
            },
            Notification::CandidateGatheringDone => Self::CandidateGatheringDone,
            Notification::NewRemoteCandidateFull {
                component_id,
                candidate,
            } => Self::NewRemoteCandidateFull {
                component_id: *component_id,
                candidate: candidate.clone(),
            },
            Notification::NewSelectedPair { component_id, pair } => Self::NewSelectedPair {
                component_id: *component_id,
                local: pair.local,
                remote: pair.remote,
                transport: transport(*pair),
            },
            Notification::HandshakeData { component_id, data } => Self::HandshakeData {
                component_id: *component_id,
                bytes: data.len(),
            },
            Notification::ExportedKey {
                component_id,
                label,
                key,
            } => Self::ExportedKey {
                component_id: *component_id,
                label: label.clone(),
                bytes: key.len(),
            },
            Notification::CouldNotExportKey {
                component_id,
                label,
                reason,
            } => Self::CouldNotExportKey {
                component_id: *component_id,
                label: label.clone(),
                reason: reason.clone(),
            },
            &Notification::ComponentStateReady { component_id, .. } => {
                Self::ComponentStateReady { component_id }
            }
            &Notification::ComponentStateDisconnected { component_id } => {
                Self::ComponentStateDisconnected { component_id }
            }
            Notification::ComponentStateFailed {
                component_id,
                reason,
            } => Self::ComponentStateFailed {
                component_id: *component_id,
                reason: reason.to_string(),
            },
            &Notification::ComponentClosed {
                component_id,
                by_peer,
            } => Self::ComponentClosed {
                component_id,
                by_peer,
            },
            Notification::CouldNotSendPayload {
                component_id,
                reason,
            } => Self::CouldNotSendPayload {
                component_id: *component_id,
                reason: reason.clone(),
            },
            Notification::LocalSdp { .. } => Self::LocalSdp,
            Notification::Warning { warning } => Self::Warning {
                warning: warning.clone(),
            },
            Notification::Stopped => Self::Stopped,
        }
    }
}
