//! The addresses from which the peer has proven itself.

use std::net::SocketAddr;

/// A bounded set, least recently used first.
#[derive(Debug)]
pub(super) struct Sources {
    addrs: Vec<SocketAddr>,
    max: usize,
}

impl Sources {
    pub(super) fn new(max: usize) -> Self {
        Self {
            addrs: Vec::new(),
            max: max.max(1),
        }
    }

    pub(super) fn contains(&self, addr: SocketAddr) -> bool {
        self.addrs.contains(&addr)
    }

    /// Marks `addr` as used now and tells whether it is new. To make room, the
    /// least recently used leaves, but never `keep`.
    pub(super) fn touch(&mut self, addr: SocketAddr, keep: Option<SocketAddr>) -> bool {
        let known = self.addrs.iter().position(|known| *known == addr);
        if let Some(index) = known {
            self.addrs[index..].rotate_left(1);
            return false;
        }
        if self.addrs.len() == self.max {
            let oldest = self.addrs.iter().position(|known| Some(*known) != keep);
            self.addrs.remove(oldest.unwrap_or(0));
        }
        self.addrs.push(addr);
        true
    }
}
