//! Addresses that are told in place of our own.

use std::net::{IpAddr, SocketAddr};

use super::candidate::is_unicast;

/// An address that stands for others in host candidates: that of a NAT which passes everything on, one to one.
///
/// Where one that the whole world reaches stands for an address of this machine's, the private addresses of the other
/// family are not told, but for those that another one stands for: whoever needs the announced one cannot reach them,
/// and each costs checks. They have no sockets either, unless a STUN server is to look at these. Addresses that are
/// announced are told before others, and each once, however many it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// What it stands for; all of its family if `None`.
    pub local: Option<IpAddr>,
    /// What the peer is told.
    pub public: IpAddr,
}

/// Why no address is announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnouncedError {
    /// A text does not say which.
    #[error(
        "{0:?} announces no address: write the public one, such as 203.0.113.7, or LOCAL=PUBLIC, both of one family"
    )]
    Text(String),
    /// No machine can have this one.
    #[error(
        "{0} cannot be announced, nor stand for another: give the unicast address of a machine"
    )]
    Address(IpAddr),
    /// They are of two versions of IP.
    #[error("{public} cannot be announced for {local}: give two addresses of one family")]
    Families {
        /// What it was to stand for.
        local: IpAddr,
        /// What was to be told.
        public: IpAddr,
    },
}

impl Announced {
    /// Whether somebody can have these addresses.
    pub(crate) fn check(&self) -> Result<(), AnnouncedError> {
        let Self { local, public } = *self;
        let of_nobody = |address: &IpAddr| !is_unicast(*address);
        match (local, local.into_iter().chain([public]).find(of_nobody)) {
            (_, Some(address)) => Err(AnnouncedError::Address(address)),
            (Some(local), None) if local.is_ipv4() != public.is_ipv4() => {
                Err(AnnouncedError::Families { local, public })
            }
            _ => Ok(()),
        }
    }
}

impl std::str::FromStr for Announced {
    type Err = AnnouncedError;

    /// Reads `PUBLIC` or `LOCAL=PUBLIC`.
    fn from_str(text: &str) -> Result<Self, AnnouncedError> {
        let error = || AnnouncedError::Text(text.to_owned());
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| error());
        let (local, public) = match text.split_once('=') {
            Some((local, public)) => (Some(address(local)?), address(public)?),
            None => (None, address(text)?),
        };
        let announced = Self { local, public };
        announced.check().map_err(|_| error())?;
        Ok(announced)
    }
}

/// What is told instead of a socket's address.
pub(super) fn announced(rules: &[Announced], addr: SocketAddr) -> SocketAddr {
    let rule = rule_for(rules, addr.ip());
    rule.map_or(addr, |rule| SocketAddr::new(rule.public, addr.port()))
}

/// Whether an address is not to be told beside announced ones: a private one of the other family, which nobody who
/// needs these can reach.
pub(super) fn outdo(rules: &[Announced], address: IpAddr) -> bool {
    let outdoes =
        |rule: &Announced| rule.public.is_ipv4() != address.is_ipv4() && !is_private(rule.public);
    is_private(address) && rule_for(rules, address).is_none() && rules.iter().any(outdoes)
}

/// This machine's addresses in the order in which they are told. Without `reflexive` ones, which STUN servers see,
/// those are left out that are not told.
pub(crate) fn in_order(
    rules: &[Announced],
    addresses: Vec<IpAddr>,
    reflexive: bool,
) -> Vec<IpAddr> {
    let is_announced = |address: &IpAddr| rule_for(rules, *address).is_some();
    let (mut told, others): (Vec<_>, Vec<_>) = addresses.into_iter().partition(is_announced);
    let has_announced = !told.is_empty();
    let stays = |address: &IpAddr| reflexive || !(has_announced && outdo(rules, *address));
    told.extend(others.into_iter().filter(stays));
    told
}

/// Whether it is of use in a part of the world only.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let is_shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64; // RFC 6598
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

pub(super) fn rule_for(rules: &[Announced], address: IpAddr) -> Option<&Announced> {
    let stands_for = |rule: &&Announced| match rule.local {
        Some(local) => local == address,
        None => rule.public.is_ipv4() == address.is_ipv4(),
    };
    rules.iter().find(stands_for)
}
