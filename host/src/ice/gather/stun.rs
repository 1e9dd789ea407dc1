//! A STUN server, and the sockets that ask it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::Found;
use super::binding::Binding;
use super::trouble::{Trouble, silence};

/// A STUN server and who asks it.
#[derive(Debug)]
pub(super) struct Stun {
    pub(super) name: String,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) bindings: Vec<Binding>,
    /// Why it cannot be used, if that is known.
    pub(super) cause: Option<String>,
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
        self.cause = Some(cause.to_owned());
        found.extend(self.trouble().map(|it| Found::Trouble(it.to_string())));
    }

    /// Fails once all sockets have asked in vain.
    pub(super) fn judge(&mut self, found: &mut VecDeque<Found>) {
        let is_over = self.bindings.iter().all(Binding::has_failed) && !self.bindings.is_empty();
        if is_over && self.cause.is_none() {
            let silence = self.silence();
            self.fail(
                silence.as_deref().unwrap_or("it answers with an error"),
                found,
            );
        }
    }

    /// What is wrong with it; silence so far is wrong, too.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let cause = self.cause.clone().or_else(|| self.silence())?;
        Some(Trouble {
            server: self.name.clone(),
            cause,
        })
    }

    /// The cause if a socket has asked more than once and none was answered.
    fn silence(&self) -> Option<String> {
        let unheard = self.bindings.iter().find(|binding| binding.is_unheard())?;
        let has_answered = self.bindings.iter().any(Binding::has_answered);
        (!has_answered).then(|| silence("UDP", unheard.server.port()))
    }
}
