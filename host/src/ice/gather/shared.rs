//! What STUN servers see of sockets that many streams share: asked once for all of these, and kept fresh.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::binding::Binding;
use super::trouble::silence;
use super::{PACE, Transmit};
use crate::ice::{Datagram, Pair, StunServer};

/// What STUN servers see of shared sockets, for all streams of a host: each socket asks each server once, with the usual
/// retransmissions, and again before a NAT forgets it. A stream takes what is known and waits for nothing.
///
/// It is driven by event loops: the one that first [asks](Self::ask) for a socket and a server sends their requests from
/// then on. Names may be looked up by any, and answers may come to any.
#[derive(Debug, Default)]
pub(crate) struct SharedStun {
    servers: Vec<Server>,
    /// When the latest first request leaves.
    last_start: Option<Instant>,
}

/// An event loop, by its number.
pub(crate) type Driver = usize;

#[derive(Debug)]
struct Server {
    server: StunServer,
    name: Name,
    addresses: Vec<SocketAddr>,
    sockets: Vec<Socket>,
    /// Why it gave no address the last time, if that is known, and whether it was told.
    cause: Option<String>,
    is_told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// It is to be looked up.
    Wanted,
    Pending,
    /// It was, at that time.
    Known(Instant),
}

/// A socket that asks a server.
#[derive(Debug)]
struct Socket {
    base: SocketAddr,
    driver: Driver,
    /// Once the server's address is known, until it has failed.
    binding: Option<Binding>,
    /// When it begins anew.
    again: Option<Instant>,
    mapped: Option<SocketAddr>,
    /// When a stream last asked for it.
    wanted: Instant,
    /// Whether it is kept while no stream asks.
    is_kept: bool,
}

/// A socket looks otherwise from outside than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) server: StunServer,
    pub(crate) base: SocketAddr,
    /// How it looked before, if it does not to any server now.
    pub(crate) before: Option<SocketAddr>,
    pub(crate) mapped: SocketAddr,
}

/// What a STUN server sees of a socket that streams share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reflexive {
    /// The server's URI.
    pub server: String,
    /// The socket's own address.
    pub local: SocketAddr,
    /// Its address from outside, if the server has answered.
    pub mapped: Option<SocketAddr>,
    /// Why it has not, if that is known, as part of a sentence.
    pub trouble: Option<String>,
}

/// Between an answer and the next request: NATs keep what is used twice a minute (RFC 4787, section 4.3).
const KEEPALIVE: Duration = Duration::from_secs(25);
/// When a server is asked again that has failed, and a name that was not found.
const AGAIN: Duration = Duration::from_secs(60);
/// What no stream has asked for so long is not kept fresh.
const UNUSED: Duration = Duration::from_secs(3600);
/// Most servers, and most sockets that ask one.
const MAX_SERVERS: usize = 64;
const MAX_SOCKETS: usize = 1024;

impl SharedStun {
    /// The socket at `base` asks the server from now on, if it does not yet: `driver` carries it out. Returns how it
    /// looks from there, if that is known. With `is_kept` it goes on while no stream asks for it.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        driver: Driver,
        base: SocketAddr,
        server: &StunServer,
        is_kept: bool,
    ) -> Option<SocketAddr> {
        let known = self.servers.iter().position(|it| it.server == *server);
        let index = match known {
            Some(index) => index,
            None if self.servers.len() < MAX_SERVERS => {
                self.servers.push(Server::new(server.clone()));
                self.servers.len() - 1
            }
            None => return None,
        };
        let (server, last_start) = (&mut self.servers[index], &mut self.last_start);
        if let Some(socket) = server.sockets.iter_mut().find(|it| it.base == base) {
            socket.wanted = socket.wanted.max(now);
            socket.is_kept |= is_kept;
            return socket.mapped;
        }
        if server.sockets.len() < MAX_SOCKETS {
            let mut socket = Socket::new(base, driver, now, is_kept);
            if let Name::Known(_) = server.name {
                socket.begin(now, &server.addresses, last_start);
            }
            server.sockets.push(socket);
        }
        None
    }

    /// What was kept for the socket at `base` ends unless it is asked for again.
    pub(crate) fn release(&mut self, base: SocketAddr) {
        let sockets = self.servers.iter_mut().flat_map(|it| &mut it.sockets);
        for socket in sockets.filter(|it| it.base == base) {
            socket.is_kept = false;
        }
    }

    /// The next server whose name is to be looked up; what comes of it goes to [`found`](Self::found).
    pub(crate) fn poll_lookup(&mut self) -> Option<StunServer> {
        let is_wanted = |it: &&mut Server| it.name == Name::Wanted;
        let server = self.servers.iter_mut().find(is_wanted)?;
        server.name = Name::Pending;
        Some(server.server.clone())
    }

    /// What a server's name stands for, at least one address, or why that is not known. Returns the drivers of its
    /// sockets, each of which may have something to send.
    pub(crate) fn found(
        &mut self,
        now: Instant,
        host: &str,
        port: u16,
        found: &Result<Vec<SocketAddr>, String>,
    ) -> Vec<Driver> {
        let is_it = |it: &&mut Server| (&*it.server.host, it.server.port) == (host, port);
        let Some(server) = self.servers.iter_mut().find(is_it) else {
            return Vec::new();
        };
        server.name = Name::Known(now);
        match found {
            Ok(addresses) => {
                server.addresses.clone_from(addresses);
                server.cause = None;
            }
            Err(cause) => server.fail(cause),
        }
        for socket in &mut server.sockets {
            let is_gone = |binding: &Binding| !server.addresses.contains(&binding.server);
            if found.is_ok() && socket.binding.as_ref().is_some_and(is_gone) {
                socket.binding = None;
            }
            match (found, &socket.binding) {
                (_, Some(_)) => {}
                (Ok(_), None) => socket.begin(now, &server.addresses, &mut self.last_start),
                (Err(_), None) => socket.fail(now),
            }
        }
        let drivers = server.sockets.iter().map(|socket| socket.driver);
        drivers.collect()
    }

    /// Takes a datagram if it is a server's answer, and returns what is new in it; `None` if it is another's.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: Datagram<'_>,
    ) -> Option<Option<Mapping>> {
        let kind = datagram.stun();
        let (server, socket) = self
            .servers
            .iter_mut()
            .enumerate()
            .find_map(|(index, it)| {
                let is_answer = |it: &Socket| {
                    let binding = it.binding.as_ref();
                    binding.is_some_and(|binding| binding.is_answer(local, remote, kind))
                };
                let socket = it.sockets.iter().position(is_answer)?;
                Some((index, socket))
            })?;
        let of = &mut self.servers[server];
        let socket = &mut of.sockets[socket];
        let binding = socket.binding.as_mut()?;
        let mapped = binding.handle_answer(now, datagram.bytes());
        if binding.has_failed() {
            socket.fail(now);
            of.fail("it answers with an error");
            return Some(None);
        }
        (of.cause, of.is_told) = (None, false);
        let Some(mapped) = mapped.filter(|mapped| socket.mapped != Some(*mapped)) else {
            return Some(None);
        };
        let before = socket.mapped.replace(mapped);
        let server = of.server.clone();
        let sockets = self.servers.iter().flat_map(|it| &it.sockets);
        let mut seen = sockets.filter(|it| it.base == local).map(|it| it.mapped);
        Some(Some(Mapping {
            server,
            base: local,
            before: before.filter(|before| !seen.any(|mapped| mapped == Some(*before))),
            mapped,
        }))
    }

    /// Time has come to `now`, for what `driver` carries out.
    pub(crate) fn handle_timeout(&mut self, now: Instant, driver: Driver) {
        for server in &mut self.servers {
            let is_unused = |it: &Socket| !it.is_kept && now > it.wanted + UNUSED;
            server
                .sockets
                .retain(|it| it.driver != driver || !is_unused(it));
            for socket in server.sockets.iter_mut().filter(|it| it.driver == driver) {
                let is_silent = socket.binding.as_ref().is_some_and(Binding::is_overdue);
                let is_due = socket.again.take_if(|again| *again <= now).is_some();
                server.name = match server.name {
                    // It may have another address by now.
                    Name::Known(at) if is_due || is_silent && now >= at + AGAIN => Name::Wanted,
                    name => name,
                };
            }
        }
        let is_of_use = |it: &Server| !it.sockets.is_empty() || it.name == Name::Pending;
        self.servers.retain(is_of_use);
    }

    /// What is wrong with a server, in a sentence, each once until it has answered. Ask after
    /// [`poll_transmit`](Self::poll_transmit).
    pub(crate) fn poll_trouble(&mut self) -> Option<String> {
        self.servers.iter_mut().find_map(Server::trouble)
    }

    /// When `driver` is to call [`handle_timeout`](Self::handle_timeout) and poll.
    pub(crate) fn poll_timeout(&self, driver: Driver) -> Option<Instant> {
        let sockets = self.servers.iter().flat_map(|it| &it.sockets);
        let its = sockets.filter(|it| it.driver == driver);
        its.filter_map(Socket::poll_timeout).min()
    }

    /// The next request that `driver` is to send.
    pub(crate) fn poll_transmit(&mut self, now: Instant, driver: Driver) -> Option<Transmit> {
        let sockets = self.servers.iter_mut().flat_map(|it| &mut it.sockets);
        let mut its = sockets.filter(|it| it.driver == driver);
        its.find_map(|socket| socket.poll_transmit(now))
    }

    /// What each server sees of each socket.
    pub(crate) fn known(&self) -> Vec<Reflexive> {
        let each = self.servers.iter().flat_map(|server| {
            server.sockets.iter().map(move |socket| Reflexive {
                server: server.server.to_string(),
                local: socket.base,
                mapped: socket.mapped,
                trouble: match socket.mapped {
                    Some(_) => None,
                    None => server.cause.clone(),
                },
            })
        });
        each.collect()
    }
}

impl Server {
    fn new(server: StunServer) -> Self {
        Self {
            server,
            name: Name::Wanted,
            addresses: Vec::new(),
            sockets: Vec::new(),
            cause: None,
            is_told: false,
        }
    }

    fn fail(&mut self, cause: &str) {
        self.cause.get_or_insert_with(|| cause.to_owned());
    }

    fn trouble(&mut self) -> Option<String> {
        let has_failed = |it: &Socket| it.binding.is_none() && it.again.is_some();
        let all_failed = !self.sockets.is_empty() && self.sockets.iter().all(has_failed);
        if !all_failed || std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        let reaches = |it: &Socket| it.server_of(&self.addresses).is_some();
        match self.sockets.iter().any(reaches) {
            true => self.fail(&silence("UDP", self.server.port)),
            false => self.fail("none of its addresses is of a family that the sockets have"),
        }
        let (server, cause) = (&self.server, self.cause.as_deref().unwrap_or_default());
        Some(format!("{server}: {cause}; streams go on without it"))
    }
}

impl Socket {
    fn new(base: SocketAddr, driver: Driver, now: Instant, is_kept: bool) -> Self {
        Self {
            base,
            driver,
            binding: None,
            again: None,
            mapped: None,
            wanted: now,
            is_kept,
        }
    }

    /// Asks at the first of these addresses that it can reach; if there is none, it tries again later.
    fn begin(&mut self, now: Instant, servers: &[SocketAddr], last_start: &mut Option<Instant>) {
        let Some(server) = self.server_of(servers) else {
            return self.fail(now);
        };
        let start = last_start.map_or(now, |last| now.max(last + PACE));
        *last_start = Some(start);
        self.again = None;
        self.binding = Some(Binding::with_keepalive(self.base, server, start, KEEPALIVE));
    }

    /// The first of a server's addresses that it can reach.
    fn server_of(&self, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let is_of_family = |server: &&SocketAddr| server.is_ipv4() == self.base.is_ipv4();
        addresses.iter().find(is_of_family).copied()
    }

    /// It is tried again later.
    fn fail(&mut self, now: Instant) {
        (self.binding, self.again) = (None, Some(now + AGAIN));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let binding = self.binding.as_ref().and_then(Binding::poll_timeout);
        binding.into_iter().chain(self.again).min()
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let binding = self.binding.as_mut()?;
        let contents = binding.poll_transmit(now);
        if binding.has_failed() {
            self.fail(now);
            return None;
        }
        let pair = Pair::udp(self.base, binding.server);
        contents.map(|contents| Transmit::new(pair, contents))
    }
}
