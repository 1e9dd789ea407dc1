//! Which component of a socket's a datagram is for, where the socket is one of several on a port.
use super::Demux;
use crate::ice::StunKind;
use crate::net::keys::{ComponentKey, StreamKey};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

/// The [`Demux`] of a socket: its own, or one that the sockets of all event loops on a port have in common.
///
/// In common, its rules and budgets are those of one socket, wherever a datagram comes and wherever its stream lives.
/// Each socket notes besides which verified addresses are those of streams that live on its own loop: their data takes no
/// lock. Such a note is made and taken back on that loop alone.
#[derive(Debug)]
pub(in crate::net) enum Directory {
    Own(Box<Demux>),
    Shared {
        common: Arc<SharedDemux>,
        here: HashMap<SocketAddr, ComponentKey>,
    },
}

/// What all sockets of a port know.
#[derive(Debug)]
pub(in crate::net) struct SharedDemux(RwLock<Demux>);

/// Who may have something of a datagram that is nobody's.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::net) enum Stray {
    /// Those that wait for its address to answer a check keep it; there may be none.
    Expected(Vec<ComponentKey>),
    /// The only component on the port notes it.
    Sole(ComponentKey),
}

impl SharedDemux {
    /// For a port that so many event loops take from.
    pub(in crate::net) fn new(loops: usize) -> Self {
        let loops = loops.try_into().unwrap_or(u32::MAX);
        Self(RwLock::new(Demux::for_loops(loops)))
    }

    fn read(&self) -> RwLockReadGuard<'_, Demux> {
        // No code that could panic runs under this lock.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Demux> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    pub(in crate::net) fn own() -> Self {
        Self::Own(Box::new(Demux::new()))
    }

    /// For one of the sockets of a port.
    pub(in crate::net) fn shared(common: Arc<SharedDemux>) -> Self {
        let here = HashMap::new();
        Self::Shared { common, here }
    }

    /// The component a datagram of this kind is for; `None` for a stranger's, and for a request beyond the budget. `lives_here`
    /// tells whether a stream lives on the socket's loop.
    pub(in crate::net) fn route(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        kind: Option<StunKind<'_>>,
        lives_here: impl FnOnce(StreamKey) -> bool,
    ) -> Option<ComponentKey> {
        let (common, here) = match self {
            Self::Own(demux) => return demux.route(now, remote, kind),
            Self::Shared { common, here } => (common, here),
        };
        match kind {
            // Most that come for nobody are found to do so with others looking at the same time.
            Some(StunKind::Request { .. }) => {
                let key = common.read().find(remote, kind)?;
                common.write().spend(now, remote, key).then_some(key)
            }
            Some(StunKind::Response { .. }) => common.read().find(remote, kind),
            Some(StunKind::Indication) | None => {
                if let Some(key) = here.get(&remote) {
                    return Some(*key);
                }
                let key = common.read().find(remote, kind)?;
                if lives_here(key.0) {
                    here.insert(remote, key);
                }
                Some(key)
            }
        }
    }

    /// Who may have something of a datagram which [`route`](Self::route) knows nobody for.
    pub(in crate::net) fn stray(&self, remote: SocketAddr, kind: Option<StunKind<'_>>) -> Stray {
        let stray = |demux: &Demux| {
            let expecting = demux.expecting(remote, kind);
            match demux.sole_component() {
                Some(sole) if expecting.is_empty() => Stray::Sole(sole),
                _ => Stray::Expected(expecting),
            }
        };
        match self {
            Self::Own(demux) => stray(demux),
            Self::Shared { common, .. } => stray(&common.read()),
        }
    }

    /// The component whose socket this is, if it is one's alone.
    pub(in crate::net) fn sole_component(&self) -> Option<ComponentKey> {
        match self {
            Self::Own(demux) => demux.sole_component(),
            Self::Shared { common, .. } => common.read().sole_component(),
        }
    }

    /// Requests with these local ufrags, and no others, are this component's from now on.
    pub(in crate::net) fn set_ufrags<'a>(
        &mut self,
        ufrags: impl Iterator<Item = &'a str>,
        key: ComponentKey,
    ) {
        self.change(|demux| demux.set_ufrags(ufrags, key));
    }

    /// An authentic check has come from the address, which has yet to answer one.
    pub(in crate::net) fn expect(&mut self, address: SocketAddr, key: ComponentKey) {
        if !self.has_owner(address) {
            self.change(|demux| demux.expect(address, key));
        }
    }

    /// The component's ICE takes the address for its peer's.
    pub(in crate::net) fn add_address(&mut self, address: SocketAddr, key: ComponentKey) {
        if !self.has_owner(address) {
            self.change(|demux| demux.add_address(address, key));
        }
    }

    /// The component's ICE does not take the address for its peer's any more.
    pub(in crate::net) fn remove_address(&mut self, address: SocketAddr, key: ComponentKey) {
        if let Self::Shared { here, .. } = self
            && here.get(&address) == Some(&key)
        {
            here.remove(&address);
        }
        self.change(|demux| demux.remove_address(address, key));
    }

    /// A STUN message leaves: if it is a request, its response will be known.
    pub(in crate::net) fn note_sent(
        &mut self,
        now: Instant,
        kind: StunKind<'_>,
        key: ComponentKey,
    ) {
        if let StunKind::Request { .. } = kind {
            self.change(|demux| demux.note_sent(now, kind, key));
        }
    }

    /// The component's stream does not live on this socket's loop any more.
    pub(in crate::net) fn move_away(&mut self, key: ComponentKey) {
        if let Self::Shared { common, here } = self {
            for address in common.read().addresses_of(key) {
                here.remove(address);
            }
        }
    }

    /// Forgets a component; what it asked is forgotten in time. Returns whether the port has none left.
    pub(in crate::net) fn remove(&mut self, key: ComponentKey) -> bool {
        self.move_away(key);
        self.change(|demux| demux.remove(key))
    }

    /// Whether a component's ICE takes the address for its peer's, as far as that can be known at no cost.
    fn has_owner(&self, address: SocketAddr) -> bool {
        match self {
            Self::Own(_) => false, // it looks itself
            Self::Shared { common, .. } => common.read().by_address.contains_key(&address),
        }
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Demux) -> T) -> T {
        match self {
            Self::Own(demux) => change(demux),
            Self::Shared { common, .. } => change(&mut common.write()),
        }
    }
}
