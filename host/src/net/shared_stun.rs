//! STUN servers that shared sockets ask, for all streams of a host.
use super::helpers::Helpers;
use super::keys::{Sender, StreamKey};
use super::mailbox::{Command, Mailbox};
use super::udp::sockets::Sockets;
use crate::ice::{self, Datagram, Driver, Mapping, Reflexive, StunKind, StunServer};
use crate::stream::Lookup;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// What all loops of a host share: who asks, and what is known.
#[derive(Debug, Default)]
pub(crate) struct SharedStun(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    stun: ice::SharedStun,
    /// The loops, by their numbers.
    loops: Vec<Weak<Mailbox>>,
}

/// A loop's part in it: it sends the requests of the sockets that it was the first to ask for.
#[derive(Debug)]
pub(super) struct StunClient {
    shared: Arc<SharedStun>,
    number: Driver,
    /// When there is something to do.
    due: Option<Instant>,
}

/// Lookups of servers' names are nobody's: no stream has this id.
pub(super) const NOBODY: StreamKey = 0;

impl SharedStun {
    /// What STUN servers see of shared sockets.
    pub(crate) fn known(&self) -> Vec<Reflexive> {
        self.lock().stun.known()
    }

    /// A loop takes part from now on.
    pub(super) fn join(self: &Arc<Self>, mailbox: &Arc<Mailbox>) -> StunClient {
        let mut state = self.lock();
        state.loops.push(Arc::downgrade(mailbox));
        StunClient {
            shared: Arc::clone(self),
            number: state.loops.len() - 1,
            due: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&self, driver: Driver, command: Command) {
        if let Some(mailbox) = self.loops.get(driver).and_then(Weak::upgrade) {
            mailbox.post(command);
        }
    }

    fn tell_troubles(&mut self) {
        while let Some(trouble) = self.stun.poll_trouble() {
            tracing::warn!("{trouble}");
        }
    }
}

impl StunClient {
    /// The shared socket at `base` asks these servers from now on. Returns how it looks from them, as far as that is
    /// known; what is learnt later comes as [`Command::Mapped`] to all loops.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        base: SocketAddr,
        servers: &[StunServer],
    ) -> Vec<SocketAddr> {
        self.due = Some(now);
        let stun = &mut self.shared.lock().stun;
        let known = servers
            .iter()
            .filter_map(|server| stun.ask(now, self.number, base, server, false));
        known.collect()
    }

    /// It asks these and no others also while there are no streams.
    pub(super) fn keep(&mut self, now: Instant, base: SocketAddr, servers: &[StunServer]) {
        self.due = Some(now);
        let stun = &mut self.shared.lock().stun;
        stun.release(base);
        for server in servers {
            stun.ask(now, self.number, base, server, true);
        }
    }

    /// There may be something to do.
    pub(super) fn wake(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// What a server's name stands for.
    pub(super) fn found(
        &mut self,
        now: Instant,
        lookup: &Lookup,
        found: &Result<Vec<SocketAddr>, String>,
    ) {
        let mut state = self.shared.lock();
        let drivers = state.stun.found(now, &lookup.host, lookup.port, found);
        for driver in drivers.into_iter().filter(|it| *it != self.number) {
            state.tell(driver, Command::AskStun);
        }
        drop(state);
        self.due = Some(now);
    }

    /// Takes a datagram that is no stream's, if it is a server's answer.
    pub(super) fn handle_answer(
        &self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: Datagram<'_>,
    ) -> bool {
        let Some(StunKind::Response { .. }) = datagram.stun() else {
            return false;
        };
        let mut state = self.shared.lock();
        let Some(news) = state.stun.handle_answer(now, local, remote, datagram) else {
            return false;
        };
        state.tell_troubles();
        if let Some(mapping) = news {
            say(&mapping);
            for driver in 0..state.loops.len() {
                state.tell(driver, Command::Mapped(mapping.clone()));
            }
        }
        true
    }

    /// Sends what is due, and has names looked up.
    pub(super) fn serve(&mut self, now: Instant, sockets: &mut Sockets, helpers: &mut Helpers) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        let mut state = self.shared.lock();
        state.stun.handle_timeout(now, self.number);
        while let Some(StunServer { host, port }) = state.stun.poll_lookup() {
            helpers.look_up(now, Lookup::of_server(host, port), NOBODY);
        }
        while let Some(transmit) = state.stun.poll_transmit(now, self.number) {
            if let Some(index) = sockets.shared_at(transmit.local) {
                sockets.push(
                    index,
                    transmit.remote,
                    Sender::Ice((NOBODY, 0)),
                    &transmit.contents,
                );
            }
        }
        state.tell_troubles();
        self.due = state.stun.poll_timeout(self.number);
    }

    /// When there is something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due
    }
}

fn say(mapping: &Mapping) {
    let Mapping {
        server,
        base,
        before,
        mapped,
    } = mapping;
    match before {
        Some(before) => {
            tracing::info!("{base} is now {mapped} from outside, not {before} ({server})")
        }
        None => tracing::info!("{base} is {mapped} from outside ({server})"),
    }
}
