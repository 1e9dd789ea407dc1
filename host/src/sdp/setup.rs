use super::SdpError;
use crate::plugin::Role;
use std::fmt;
use std::str::FromStr;

/// Who starts the handshake: `a=setup` (RFC 4145, RFC 8842).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// This side starts.
    Active,
    /// This side waits for the other to start.
    Passive,
    /// Either is fine: the answer decides.
    ActPass,
    /// Nobody starts for now.
    HoldConn,
}

impl Setup {
    /// What to answer to an offer. If the offerer leaves it to us, we start: the handshake then runs while
    /// the answer is still on its way (RFC 5763, section 5).
    #[must_use]
    pub fn answer(offer: Self) -> Self {
        match offer {
            Self::ActPass | Self::Passive => Self::Active,
            Self::Active => Self::Passive,
            Self::HoldConn => Self::HoldConn,
        }
    }

    /// The role of the side that said `self` to a peer that said `remote`; `None` if the two do not
    /// settle it: both start, both wait, both leave it open, or one holds.
    #[must_use]
    pub fn role(self, remote: Self) -> Option<Role> {
        match (self, remote) {
            (Self::Active | Self::ActPass, Self::Passive) | (Self::Active, Self::ActPass) => {
                Some(Role::Initiator)
            }
            (Self::Passive | Self::ActPass, Self::Active) | (Self::Passive, Self::ActPass) => {
                Some(Role::Responder)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        })
    }
}

impl FromStr for Setup {
    type Err = SdpError;

    fn from_str(value: &str) -> Result<Self, SdpError> {
        [Self::Active, Self::Passive, Self::ActPass, Self::HoldConn]
            .into_iter()
            .find(|setup| value.eq_ignore_ascii_case(&setup.to_string()))
            .ok_or(SdpError::BadSetup)
    }
}
