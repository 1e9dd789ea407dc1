//! `Debug` of what carries secrets: keys, passwords, the application's datagrams. Descriptions have passwords, too.
use super::{Config, Message, Notification};
use crate::hidden::{Hidden, Keys};
use std::fmt;

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetRemoteCredentials { generation, .. } => f
                .debug_struct("SetRemoteCredentials")
                .field("generation", generation)
                .finish_non_exhaustive(),
            Self::SetRemoteCandidate {
                candidate,
                component_id,
            } => f
                .debug_struct("SetRemoteCandidate")
                .field("candidate", candidate)
                .field("component_id", component_id)
                .finish(),
            Self::ParseRemoteSdp { sdp } => f
                .debug_struct("ParseRemoteSdp")
                .field("sdp", &Hidden(sdp.len()))
                .finish(),
            Self::SetPeerInitData {
                component_id,
                role,
                init_data,
                association,
            } => f
                .debug_struct("SetPeerInitData")
                .field("component_id", component_id)
                .field("role", role)
                .field("init_data", init_data)
                .field("association", association)
                .finish(),
            Self::Listen { component_id } => f
                .debug_struct("Listen")
                .field("component_id", component_id)
                .finish(),
            Self::ExportKey {
                component_id,
                label,
                context,
                length,
            } => of(f, "ExportKey", component_id)
                .field("label", label)
                .field("context", &context.as_ref().map(|it| Hidden(it.len())))
                .field("length", length)
                .finish(),
            Self::GenerateLocalSdp => f.write_str("GenerateLocalSdp"),
            Self::PeerCandidateGatheringDone => f.write_str("PeerCandidateGatheringDone"),
            Self::GatherCandidates => f.write_str("GatherCandidates"),
            Self::RestartStream => f.write_str("RestartStream"),
            Self::Close => f.write_str("Close"),
            Self::Stop => f.write_str("Stop"),
        }
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakeInitData {
                component_id,
                init_data,
                association,
            } => of(f, "HandshakeInitData", component_id)
                .field("init_data", init_data)
                .field("association", association)
                .finish(),
            Self::LocalCredentials { generation, .. } => f
                .debug_struct("LocalCredentials")
                .field("generation", generation)
                .finish_non_exhaustive(),
            Self::NewCandidateFull {
                component_id,
                candidate,
            } => of(f, "NewCandidateFull", component_id)
                .field("candidate", candidate)
                .finish(),
            Self::CandidateGatheringDone => f.write_str("CandidateGatheringDone"),
            Self::NewRemoteCandidateFull {
                component_id,
                candidate,
            } => of(f, "NewRemoteCandidateFull", component_id)
                .field("candidate", candidate)
                .finish(),
            Self::NewSelectedPair { component_id, pair } => of(f, "NewSelectedPair", component_id)
                .field("pair", pair)
                .finish(),
            Self::HandshakeData { component_id, data } => of(f, "HandshakeData", component_id)
                .field("data", &Hidden(data.len()))
                .finish(),
            Self::ComponentStateReady { component_id, data } => {
                of(f, "ComponentStateReady", component_id)
                    .field("data", &Hidden(data.len()))
                    .finish()
            }
            Self::ExportedKey {
                component_id,
                label,
                key,
            } => of(f, "ExportedKey", component_id)
                .field("label", label)
                .field("key", &Hidden(key.len()))
                .finish(),
            Self::CouldNotExportKey {
                component_id,
                label,
                reason,
            } => of(f, "CouldNotExportKey", component_id)
                .field("label", label)
                .field("reason", reason)
                .finish(),
            Self::ComponentStateDisconnected { component_id } => {
                of(f, "ComponentStateDisconnected", component_id).finish()
            }
            Self::ComponentStateFailed {
                component_id,
                reason,
            } => of(f, "ComponentStateFailed", component_id)
                .field("reason", reason)
                .finish(),
            Self::ComponentClosed {
                component_id,
                by_peer,
            } => of(f, "ComponentClosed", component_id)
                .field("by_peer", by_peer)
                .finish(),
            Self::CouldNotSendPayload {
                component_id,
                reason,
            } => of(f, "CouldNotSendPayload", component_id)
                .field("reason", reason)
                .finish(),
            Self::LocalSdp { sdp } => f
                .debug_struct("LocalSdp")
                .field("sdp", &Hidden(sdp.len()))
                .finish(),
            Self::Warning { warning } => {
                f.debug_struct("Warning").field("warning", warning).finish()
            }
            Self::Stopped => f.write_str("Stopped"),
        }
    }
}

fn of<'a, 'b>(
    f: &'a mut fmt::Formatter<'b>,
    name: &str,
    component_id: &u16,
) -> fmt::DebugStruct<'a, 'b> {
    let mut debug = f.debug_struct(name);
    debug.field("component_id", component_id);
    debug
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("plugin", &self.plugin.id)
            .field("options", &Keys(&self.options))
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
