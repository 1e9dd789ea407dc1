//! Addresses that are told in place of our own.

use std::net::{IpAddr, SocketAddr};

use super::candidate::is_usable;

/// An address that stands for others in host candidates: that of a NAT which passes everything on, one to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// What it stands for; all of its family if `None`.
    pub local: Option<IpAddr>,
    /// What the peer is told.
    pub public: IpAddr,
}

/// Why a text announces no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} announces no address: write the public one, such as 203.0.113.7, or LOCAL=PUBLIC, both of one family"
)]
pub struct AnnouncedError(String);

impl std::str::FromStr for Announced {
    type Err = AnnouncedError;

    /// Reads `PUBLIC` or `LOCAL=PUBLIC`.
    fn from_str(text: &str) -> Result<Self, AnnouncedError> {
        let error = || AnnouncedError(text.to_owned());
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| error());
        let (local, public) = match text.split_once('=') {
            Some((local, public)) => (Some(address(local)?), address(public)?),
            None => (None, address(text)?),
        };
        let is_of_one_family = local.is_none_or(|local| local.is_ipv4() == public.is_ipv4());
        let with_a_port = SocketAddr::new(public, 9); // any but 0
        let is_one = is_of_one_family && is_usable(with_a_port);
        is_one.then_some(Self { local, public }).ok_or_else(error)
    }
}

/// What is told instead of a socket's address.
pub(super) fn announced(rules: &[Announced], addr: SocketAddr) -> SocketAddr {
    let rule = rule_for(rules, addr.ip());
    rule.map_or(addr, |rule| SocketAddr::new(rule.public, addr.port()))
}

pub(super) fn rule_for(rules: &[Announced], address: IpAddr) -> Option<&Announced> {
    let stands_for = |rule: &&Announced| match rule.local {
        Some(local) => local == address,
        None => rule.public.is_ipv4() == address.is_ipv4(),
    };
    rules.iter().find(stands_for)
}
