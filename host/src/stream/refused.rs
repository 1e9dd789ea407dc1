//! Why a message is refused.
use crate::ice::{CandidateError, CredentialsError};
use crate::plugin::Role;
use crate::sdp::SdpError;

/// Why a message was refused. Nothing has changed. Match it to tell causes apart; its `Display` is one sentence for
/// people, with what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The stream has ended.
    #[error("the stream has ended: start another")]
    StreamEnded,
    /// The stream was told to close.
    #[error("the stream was closed: start another")]
    StreamClosed,
    /// The component has ended.
    #[error("component {component_id} has ended: start another stream")]
    ComponentEnded {
        /// The component.
        component_id: u16,
    },
    /// The stream has no such component.
    #[error("there is no component {component_id}: this stream has 1 to {count}")]
    NoComponent {
        /// What was named.
        component_id: u16,
        /// How many there are.
        count: usize,
    },
    /// These are no credentials of ICE.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// These are not the peer's credentials.
    #[error("these are this side's own credentials: give it the peer's")]
    OwnCredentials,
    /// This is no candidate of the component's.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// A description cannot be read, or not be written.
    #[error(transparent)]
    Description(#[from] SdpError),
    /// Neither side would check anything.
    #[error("both sides are ICE-lite, and neither would check anything: do without ice_lite here")]
    BothLite,
    /// The role was given before.
    #[error(
        "component {component_id} is {present} already: its role does not change while the peer's init data stays the \
         same"
    )]
    RoleChanged {
        /// The component.
        component_id: u16,
        /// Its role.
        present: Role,
    },
    /// The number of a generation or an association is larger than any.
    #[error("{number} is no {field}: give the peer's, or leave it out")]
    Number {
        /// What it is of: `generation` or `association`.
        field: &'static str,
        /// What was given.
        number: u64,
    },
    /// There is nothing to gather for yet.
    #[error("gathering starts by itself once every init has finished")]
    GatheringTooEarly,
    /// There is nothing to restart yet.
    #[error("nothing to restart yet: wait for local_credentials")]
    RestartTooEarly,
    /// No key can be exported, or not such a one.
    #[error("{reason}")]
    Export {
        /// One sentence.
        reason: String,
    },
}
