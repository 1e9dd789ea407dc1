//! Ports that pass from process to process: this loop's links to the others.
use super::EventLoop;
use crate::net::token::Token;
use std::time::Instant;

impl EventLoop {
    /// The loop begins with these links and sockets of another process's, which receives by them until its link ends.
    ///
    /// # Errors
    /// The system's.
    #[cfg(unix)]
    pub(crate) fn inherit(&mut self, inherited: crate::net::Inheritance) -> std::io::Result<()> {
        use crate::net::takeover::Predecessor;
        use std::sync::Arc;
        for socket_key in inherited.places {
            self.sockets.take(socket_key)?;
        }
        let (number, state) = (self.handover.number(), Arc::clone(&self.takeover));
        let (registry, token) = (self.poll.registry(), Token::Predecessor.into());
        let predecessor = Predecessor::register(inherited.link, number, state, registry, token)?;
        self.predecessor = Some(predecessor);
        Ok(())
    }

    /// Gives another process copies of the sockets on ports that streams share, and from now on what is nobody's here.
    #[cfg(unix)]
    pub(super) fn pass_ports(&mut self, wanted: crate::net::PassPorts) {
        use crate::net::takeover::Successor;
        use std::sync::Arc;
        let (state, token) = (Arc::clone(&self.takeover), Token::Successor.into());
        let registry = self.poll.registry();
        let passed = self.sockets.shared().and_then(|passed| {
            let successor = Successor::register(wanted.link, state, registry, token)?;
            self.successor = Some(successor);
            Ok(passed)
        });
        // Whoever asked may be gone, and the link with that.
        let _ = wanted.passed.send(passed);
    }

    /// Something has come of the link to the successor.
    pub(super) fn successor_is_ready(&mut self) {
        let told = self.successor.as_mut().map(|it| it.handle_ready());
        self.note_successor(told);
    }

    /// Tells the successor what there is to tell in this turn.
    pub(super) fn tell_successor(&mut self, now: Instant) {
        let told = self.successor.as_mut().map(|it| it.tell(now));
        self.note_successor(told);
    }

    fn note_successor(&mut self, told: Option<std::io::Result<()>>) {
        if let Some(Err(error)) = told {
            tracing::warn!("the process that has taken over the ports is gone ({error})");
            self.successor = None;
        }
    }

    /// Receives by sockets of the predecessor's, unless that does so still or may do so again.
    pub(super) fn receive_inherited(&mut self) {
        if self.predecessor.is_none() && self.takeover.is_confirmed() {
            self.sockets.receive_inherited();
        }
    }
}
