//! Two peers in one process, and what one says that the other must hear.
use handclasp::plugin::Role;
use handclasp::stream::{Message, Notification};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// A controls ICE and starts the handshake.
    pub(super) fn leads(self) -> bool {
        self == Self::A
    }

    pub(super) fn role(self) -> Role {
        match self {
            Self::A => Role::Initiator,
            Self::B => Role::Responder,
        }
    }
}

/// What the other side must hear of a notification, if anything.
pub(super) fn signal(from: Side, notification: &Notification) -> Option<Message> {
    notification.for_peer(from.other().role())
}
