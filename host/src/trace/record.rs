use super::{CallRecord, Datagram, Missed, Transport};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The first line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always [`Header::TRACE`].
    pub trace: String,
    /// Of the format: [`Header::VERSION`].
    pub version: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// When it was begun, in microseconds since 1970 (UTC).
    pub unix_us: u64,
}

impl Header {
    /// What the first line's field `trace` says.
    pub const TRACE: &'static str = "handclasp";
    /// The version that is written and read here. Another one is another format; new events and fields are
    /// not.
    pub const VERSION: u32 = 1;
}

/// A line after the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Microseconds since the trace was begun. Lines stand in the order they were written, which for calls is
    /// that of their ends.
    pub us: u64,
    /// The stream's name; empty where all of the trace is meant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen. What a notification of the stream's is here bears its name, without what is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs)] // docs/trace.md says what each field is
pub enum What {
    Opened {
        plugin: String,
        plugin_version: String,
        components: u16,
        controlling: bool,
    },
    HandshakeInitData {
        component_id: u16,
        bytes: usize,
    },
    LocalCredentials,
    NewCandidateFull {
        component_id: u16,
        candidate: String,
    },
    CandidateGatheringDone,
    NewRemoteCandidateFull {
        component_id: u16,
        candidate: String,
    },
    NewSelectedPair {
        component_id: u16,
        local: SocketAddr,
        remote: SocketAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transport: Option<Transport>,
    },
    HandshakeData {
        component_id: u16,
        bytes: usize,
    },
    ComponentStateReady {
        component_id: u16,
    },
    ExportedKey {
        component_id: u16,
        label: String,
        bytes: usize,
    },
    CouldNotExportKey {
        component_id: u16,
        label: String,
        reason: String,
    },
    ComponentStateDisconnected {
        component_id: u16,
    },
    ComponentStateFailed {
        component_id: u16,
        reason: String,
    },
    ComponentClosed {
        component_id: u16,
        by_peer: bool,
    },
    CouldNotSendPayload {
        component_id: u16,
        reason: String,
    },
    LocalSdp,
    Warning {
        warning: String,
    },
    Stopped,
    Call(CallRecord),
    Datagram(Datagram),
    Dropped {
        component_id: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waited: Option<u64>,
        reason: String,
    },
    /// Events that do not stand here.
    Missed(Missed),
    /// An event of a later release.
    #[serde(other, skip_serializing)]
    Unknown,
}

impl What {
    /// The component it happened to, if to one.
    pub fn component_id(&self) -> Option<u16> {
        match self {
            Self::HandshakeInitData { component_id, .. }
            | Self::NewCandidateFull { component_id, .. }
            | Self::NewRemoteCandidateFull { component_id, .. }
            | Self::NewSelectedPair { component_id, .. }
            | Self::HandshakeData { component_id, .. }
            | Self::ComponentStateReady { component_id }
            | Self::ExportedKey { component_id, .. }
            | Self::CouldNotExportKey { component_id, .. }
            | Self::ComponentStateDisconnected { component_id }
            | Self::ComponentStateFailed { component_id, .. }
            | Self::ComponentClosed { component_id, .. }
            | Self::CouldNotSendPayload { component_id, .. }
            | Self::Dropped { component_id, .. }
            | Self::Call(CallRecord { component_id, .. })
            | Self::Datagram(Datagram { component_id, .. }) => Some(*component_id),
            Self::Opened { .. }
            | Self::LocalCredentials
            | Self::CandidateGatheringDone
            | Self::LocalSdp
            | Self::Warning { .. }
            | Self::Stopped
            | Self::Unknown => None,
            Self::Missed(missed) => missed.component_id,
        }
    }
}
