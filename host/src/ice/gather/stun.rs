//! A STUN server, and the sockets that ask it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::Found;
use super::binding::Binding;

/// A STUN server and who asks it.
#[derive(Debug)]
pub(super) struct Stun {
    pub(super) name: String,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) bindings: Vec<Binding>,
    pub(super) trouble: Option<String>,
}

impl Stun {
    /// Whether the socket at `base` asks from now on, at the first of the server's addresses that it can reach.
    pub(super) fn ask(&mut self, base: SocketAddr, start: Instant) -> bool {
        let is_of_family = |server: &&SocketAddr| server.is_ipv4() == base.is_ipv4();
        let Some(&server) = self.addresses.iter().find(is_of_family) else {
            return false;
        };
        let is_new = !self.bindings.iter().any(|binding| binding.base == base);
        if is_new {
            self.bindings.push(Binding::new(base, server, start));
        }
        is_new
    }

    pub(super) fn fail(&mut self, cause: &str, found: &mut VecDeque<Found>) {
        let reason = format!("{}: {cause}", self.name);
        self.trouble = Some(reason.clone());
        found.push_back(Found::Trouble(reason));
    }
}
