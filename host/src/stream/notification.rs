use crate::component::Failure;
use crate::ice::Pair;
use crate::plugin::Role;
use zeroize::Zeroizing;

/// What the application tells a stream.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// The peer's `ufrag pwd`. Others than before are the peer's ICE restart.
    SetRemoteCredentials {
        /// As SDP has them, with a space between.
        credentials: String,
        /// The `generation` that the peer told them with, if it did.
        generation: Option<u64>,
    },
    /// A candidate of the peer's.
    SetRemoteCandidate {
        /// `candidate:…` (RFC 8839, section 5.1).
        candidate: String,
        /// The component it is for; must be the line's own.
        component_id: u16,
    },
    /// The peer's description: credentials, candidates, init data and who starts.
    ParseRemoteSdp {
        /// RFC 8866.
        sdp: String,
    },
    /// Asks for [`Notification::LocalSdp`].
    GenerateLocalSdp,
    /// The peer has no more candidates (RFC 8838).
    PeerCandidateGatheringDone,
    /// Looks for local addresses again.
    GatherCandidates,
    /// Restarts ICE with new credentials; the handshake stays (RFC 8445, section 9).
    RestartStream,
    /// What the peer's `init` produced and who starts, where no SDP says it.
    SetPeerInitData {
        /// The component it is for.
        component_id: u16,
        /// This side's role.
        role: Role,
        /// The peer's init data.
        init_data: Vec<u8>,
        /// The `association` that the peer told it with, if it did.
        association: Option<u64>,
    },
    /// Attaches a listener to a component: it learns at once what it missed.
    Listen {
        /// The component to listen to.
        component_id: u16,
    },
    /// Exports keying material of a finished handshake (RFC 5705, RFC 8446, section 7.5), from a plugin with
    /// `hc.export/1`: [`Notification::ExportedKey`] or [`Notification::CouldNotExportKey`] follows, for each component
    /// in the order of these messages. At most 16 of a component's may be without an answer.
    ///
    /// It is refused before the handshake has finished, and for a plugin without `hc.export/1`
    /// ([`PluginInfo::exports`](crate::plugin::PluginInfo::exports)). Which labels, contexts and lengths there are is the
    /// plugin's: `dtls-openssl` serves all of them, `dtls-srtp` none but `EXTRACTOR-dtls_srtp`, without a context and in
    /// its whole length, which is that of the four keys and salts in `srtp-keys`: 88 bytes for AES-256-GCM, 56 for
    /// AES-128-GCM.
    ExportKey {
        /// The component.
        component_id: u16,
        /// What the key is for: 1 to 249 characters of printable ASCII, none of the labels of TLS itself.
        label: String,
        /// What else the key depends on, at most 65,535 bytes. An absent and an empty one give other keys.
        context: Option<Vec<u8>>,
        /// How many bytes, 1 to 8,160.
        length: usize,
    },
    /// Lets every handshake say its last words: each component is [closed](Notification::ComponentClosed), and the stream
    /// waits to be stopped.
    Close,
    /// Closes, and ends the stream: [`Notification::Stopped`] follows.
    Stop,
}

impl Message {
    /// Bytes that it takes beside itself, with what an allocator adds to them.
    pub fn heap(&self) -> usize {
        match self {
            Self::SetRemoteCredentials {
                credentials: text, ..
            }
            | Self::SetRemoteCandidate {
                candidate: text, ..
            }
            | Self::ParseRemoteSdp { sdp: text } => allocated(text.capacity()),
            Self::SetPeerInitData { init_data, .. } => allocated(init_data.capacity()),
            Self::ExportKey { label, context, .. } => {
                let context = context.as_ref().map_or(0, Vec::capacity);
                allocated(label.capacity()) + allocated(context)
            }
            Self::GenerateLocalSdp
            | Self::PeerCandidateGatheringDone
            | Self::GatherCandidates
            | Self::RestartStream
            | Self::Listen { .. }
            | Self::Close
            | Self::Stop => 0,
        }
    }
}

/// What a stream has for the application, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Something happened.
    Notification(Notification),
    /// A datagram from the peer that had to wait for a call's outcome, or for notifications before it; all others are
    /// delivered from the buffer they arrived in.
    Payload {
        /// The component.
        component_id: u16,
        /// The datagram.
        payload: Vec<u8>,
    },
}

/// What a stream tells the application.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Notification {
    /// What `init` produced for the peer.
    HandshakeInitData {
        /// The component.
        component_id: u16,
        /// In the format the plugin declares; may be empty.
        init_data: Vec<u8>,
        /// The number of the association that it is for: 0 at the start.
        association: u64,
    },
    /// This side's credentials: once at the start, and at each restart.
    LocalCredentials {
        /// `ufrag pwd`.
        credentials: String,
        /// The number of the generation that they are for: 0 at the start.
        generation: u64,
    },
    /// A local candidate.
    NewCandidateFull {
        /// The component.
        component_id: u16,
        /// `candidate:…`.
        candidate: String,
    },
    /// There will be no more local candidates.
    CandidateGatheringDone,
    /// A candidate of the peer's was taken in.
    NewRemoteCandidateFull {
        /// The component.
        component_id: u16,
        /// `candidate:…`.
        candidate: String,
    },
    /// ICE selected a pair, the first or another.
    NewSelectedPair {
        /// The component.
        component_id: u16,
        /// The pair.
        pair: Pair,
    },
    /// The handshake agreed on this.
    HandshakeData {
        /// The component.
        component_id: u16,
        /// In the format the plugin declares. Keying material: never logged.
        data: Zeroizing<Vec<u8>>,
    },
    /// Handshake finished and ICE ready: data flows.
    ComponentStateReady {
        /// The component.
        component_id: u16,
        /// What the handshake agreed on; empty if it finished in `init`.
        data: Zeroizing<Vec<u8>>,
    },
    /// A key that was asked for.
    ExportedKey {
        /// The component.
        component_id: u16,
        /// As it was asked for.
        label: String,
        /// As long as it was asked for: never logged.
        key: Zeroizing<Vec<u8>>,
    },
    /// A key that was asked for cannot be had; nothing else has changed.
    CouldNotExportKey {
        /// The component.
        component_id: u16,
        /// As it was asked for.
        label: String,
        /// One sentence.
        reason: String,
    },
    /// The peer is silent: nothing is sent until it is heard again, or the component fails.
    ComponentStateDisconnected {
        /// The component.
        component_id: u16,
    },
    /// The component's end, with its reason.
    ComponentStateFailed {
        /// The component.
        component_id: u16,
        /// To be matched, and shown as one sentence.
        reason: Failure,
    },
    /// The component's orderly end.
    ComponentClosed {
        /// The component.
        component_id: u16,
        /// Whether the peer closed. If neither side did, RTCP comes over component 1 (RFC 5761): both
        /// descriptions had `a=rtcp-mux`.
        by_peer: bool,
    },
    /// A datagram of the application's was not sent; the next one may be.
    CouldNotSendPayload {
        /// The component.
        component_id: u16,
        /// One sentence.
        reason: String,
    },
    /// This side's description, as asked for.
    LocalSdp {
        /// RFC 8866.
        sdp: String,
    },
    /// Something the operator should read.
    Warning {
        /// One sentence.
        warning: String,
    },
    /// The last notification: the stream was stopped, by [`Message::Stop`] or without its handle; a component could not
    /// start; the application panicked; or the host has ended. A stream whose components have all failed or closed waits
    /// to be stopped.
    Stopped,
}

impl Notification {
    /// Bytes that it takes beside itself, with what an allocator adds to them.
    pub fn heap(&self) -> usize {
        match self {
            Self::LocalCredentials {
                credentials: text, ..
            }
            | Self::NewCandidateFull {
                candidate: text, ..
            }
            | Self::NewRemoteCandidateFull {
                candidate: text, ..
            }
            | Self::CouldNotSendPayload { reason: text, .. }
            | Self::LocalSdp { sdp: text }
            | Self::Warning { warning: text } => allocated(text.capacity()),
            Self::ComponentStateFailed { reason, .. } => {
                let texts = reason.texts().map(|text| allocated(text.capacity()));
                texts.sum::<usize>() + allocated(reason.boxed())
            }
            Self::HandshakeData { data, .. } | Self::ComponentStateReady { data, .. } => {
                allocated(data.capacity())
            }
            Self::ExportedKey { label, key, .. } => {
                allocated(label.capacity()) + allocated(key.capacity())
            }
            Self::CouldNotExportKey { label, reason, .. } => {
                allocated(label.capacity()) + allocated(reason.capacity())
            }
            Self::HandshakeInitData { init_data, .. } => allocated(init_data.capacity()),
            Self::CandidateGatheringDone
            | Self::NewSelectedPair { .. }
            | Self::ComponentStateDisconnected { .. }
            | Self::ComponentClosed { .. }
            | Self::Stopped => 0,
        }
    }

    /// What the peer's stream is to be told of this, if anything: init data, credentials, candidates and their end, best in
    /// the order in which they came. `role` is the one that the peer takes in the handshake: the other of this side's, for
    /// both sides must not take the same. It has nothing to do with who controls ICE.
    pub fn for_peer(&self, role: Role) -> Option<Message> {
        Some(match self.clone() {
            Self::HandshakeInitData {
                component_id,
                init_data,
                association,
            } => Message::SetPeerInitData {
                component_id,
                role,
                init_data,
                association: Some(association),
            },
            Self::LocalCredentials {
                credentials,
                generation,
            } => Message::SetRemoteCredentials {
                credentials,
                generation: Some(generation),
            },
            Self::NewCandidateFull {
                component_id,
                candidate,
            } => Message::SetRemoteCandidate {
                candidate,
                component_id,
            },
            Self::CandidateGatheringDone => Message::PeerCandidateGatheringDone,
            _ => return None,
        })
    }
}

/// What an allocator gives for so many bytes, about.
fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ => (bytes + 8).next_multiple_of(16).max(32),
    }
}
