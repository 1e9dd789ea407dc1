//! What is most likely wrong.

/// Why no pair was found, most likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// This side has no candidate.
    NoLocalCandidate,
    /// This side's TURN servers gave no relay.
    NoRelay,
    /// The peer's credentials have not come.
    NoCredentials,
    /// The peer has no candidate that can be used.
    NoRemoteCandidate,
    /// The peer has given names in the place of addresses, and nobody knew them.
    UnresolvedNames,
    /// The peer's only address is one of this side's own as well.
    SameAddress,
    /// One side uses IPv4 alone, the other IPv6.
    NoCommonFamily,
    /// One side uses UDP alone, the other TCP, or both wait for connections.
    NoCommonTransport,
    /// The peer signs with another password than this side's.
    WrongLocalPassword,
    /// The peer has other credentials than this side was given.
    WrongRemoteCredentials,
    /// The peer's checks are for other credentials than this side's present ones.
    OldCredentials,
    /// The peer answers with errors.
    Rejected,
    /// Both sides claim the same role.
    RoleConflict,
    /// Checks were answered, and no pair was agreed on.
    NotNominated,
    /// Answers come from elsewhere than where the checks went.
    AnsweredElsewhere,
    /// The peer's checks come, and what goes to it gets no answer.
    OneWay,
    /// A firewall of this machine forbids what was to leave.
    Forbidden,
    /// This machine has no route to the peer.
    NoRoute,
    /// The peer's addresses are of a network that this side is not in.
    UnreachablePeer,
    /// This side's addresses are of a network that the peer is not in.
    UnreachableHere,
    /// Nobody comes to the address that this side announces.
    WrongAnnounced,
    /// Only this side has a relay, and the peer does not reach it.
    OnlyLocalRelay,
    /// Only the peer has a relay, and this side does not reach it.
    OnlyRemoteRelay,
    /// A lite side waits for a peer that does not come.
    NobodyCame,
    /// UDP does not get through.
    UdpBlocked,
    /// There are pairs over TCP alone, and no connection comes about.
    TcpBlocked,
}

impl Cause {
    /// Its name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLocalCandidate => "no_local_candidate",
            Self::NoRelay => "no_relay",
            Self::NoCredentials => "no_credentials",
            Self::NoRemoteCandidate => "no_remote_candidate",
            Self::UnresolvedNames => "unresolved_names",
            Self::SameAddress => "same_address",
            Self::NoCommonFamily => "no_common_family",
            Self::NoCommonTransport => "no_common_transport",
            Self::WrongLocalPassword => "wrong_local_password",
            Self::WrongRemoteCredentials => "wrong_remote_credentials",
            Self::OldCredentials => "old_credentials",
            Self::Rejected => "rejected",
            Self::RoleConflict => "role_conflict",
            Self::NotNominated => "not_nominated",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::OneWay => "one_way",
            Self::Forbidden => "forbidden",
            Self::NoRoute => "no_route",
            Self::UnreachablePeer => "unreachable_peer",
            Self::UnreachableHere => "unreachable_here",
            Self::WrongAnnounced => "wrong_announced",
            Self::OnlyLocalRelay => "only_local_relay",
            Self::OnlyRemoteRelay => "only_remote_relay",
            Self::NobodyCame => "nobody_came",
            Self::UdpBlocked => "udp_blocked",
            Self::TcpBlocked => "tcp_blocked",
        }
    }
}
