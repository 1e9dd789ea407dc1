//! Addresses that are told in place of our own.

use std::net::{IpAddr, SocketAddr};

use super::candidate::is_unicast;

/// An address that stands for others in host candidates: that of a NAT which passes everything on, one to one.
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

pub(super) fn rule_for(rules: &[Announced], address: IpAddr) -> Option<&Announced> {
    let stands_for = |rule: &&Announced| match rule.local {
        Some(local) => local == address,
        None => rule.public.is_ipv4() == address.is_ipv4(),
    };
    rules.iter().find(stands_for)
}
