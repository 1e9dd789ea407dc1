//! The first few of any number of addresses.

use std::fmt;
use std::net::SocketAddr;

/// Most that are kept.
const KEPT: usize = 3;

/// The first three different ones of any number of addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addresses {
    first: [Option<SocketAddr>; KEPT],
    has_more: bool,
}

impl Addresses {
    pub(in crate::ice) fn insert(&mut self, address: SocketAddr) {
        for place in &mut self.first {
            match place {
                Some(known) if *known == address => return,
                Some(_) => {}
                None => return *place = Some(address),
            }
        }
        self.has_more = true;
    }

    /// In the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        self.first.into_iter().flatten()
    }

    /// The first of all.
    pub fn first(&self) -> Option<SocketAddr> {
        self.first[0]
    }

    /// Whether there were others.
    pub fn has_more(&self) -> bool {
        self.has_more
    }
}

impl FromIterator<SocketAddr> for Addresses {
    fn from_iter<I: IntoIterator<Item = SocketAddr>>(addresses: I) -> Self {
        let mut all = Self::default();
        addresses
            .into_iter()
            .for_each(|address| all.insert(address));
        all
    }
}

/// With commas between them.
impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.iter().enumerate() {
            write!(f, "{}{address}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(if self.has_more { " and others" } else { "" })
    }
}
