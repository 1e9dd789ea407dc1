//! Which component of a socket's a datagram is for, where the socket is one of several on a port.
use super::super::keys::{ComponentKey, StreamKey};
use super::Demux;
use crate::ice::StunKind;
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
pub(in super::super) enum Directory {
    Own(Box<Demux>),
    Shared {
        common: Arc<SharedDemux>,
        here: HashMap<SocketAddr, ComponentKey>,
    },
}

/// What all sockets of a port know.
#[derive(Debug)]
pub(in super::super) struct SharedDemux(RwLock<Demux>);

/// Who may have something of a datagram that is nobody's.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Stray {
    /// Those that wait for its address to answer a check keep it; there may be none.
    Expected(Vec<ComponentKey>),
    /// The only component on the port notes it.
    Sole(ComponentKey),
}

impl SharedDemux {
    /// For a port that so many event loops take from.
    pub(in super::super) fn new(loops: usize) -> Self {
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
    pub(in super::super) fn own() -> Self {
        Self::Own(Box::new(Demux::new()))
    }

    /// For one of the sockets of a port.
    pub(in super::super) fn shared(common: Arc<SharedDemux>) -> Self {
        let here = HashMap::new();
        Self::Shared { common, here }
    }

    /// The component a datagram of this kind is for; `None` for a stranger's, and for a request beyond the budget. `lives_here`
    /// tells whether a stream lives on the socket's loop.
    pub(in super::super) fn route(
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
    pub(in super::super) fn stray(&self, remote: SocketAddr, kind: Option<StunKind<'_>>) -> Stray {
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

    /// Whether a datagram for which [`route`](Self::route) gives nobody is not of another process's either: its address is
    /// a peer's here, or its request is to a component here.
    pub(in super::super) fn knows(&self, remote: SocketAddr, kind: Option<StunKind<'_>>) -> bool {
        match self {
            Self::Own(demux) => demux.knows(remote, kind),
            Self::Shared { common, .. } => common.read().knows(remote, kind),
        }
    }

    /// The component whose socket this is, if it is one's alone.
    pub(in super::super) fn sole_component(&self) -> Option<ComponentKey> {
        match self {
            Self::Own(demux) => demux.sole_component(),
            Self::Shared { common, .. } => common.read().sole_component(),
        }
    }

    /// Requests with these local ufrags, and no others, are this component's from now on.
    pub(in super::super) fn set_ufrags<'a>(
        &mut self,
        ufrags: impl Iterator<Item = &'a str>,
        key: ComponentKey,
    ) {
        self.change(|demux| demux.set_ufrags(ufrags, key));
    }

    /// An authentic check has come from the address, which has yet to answer one.
    pub(in super::super) fn expect(&mut self, address: SocketAddr, key: ComponentKey) {
        if !self.has_owner(address) {
            self.change(|demux| demux.expect(address, key));
        }
    }

    /// The component's ICE takes the address for its peer's.
    pub(in super::super) fn add_address(&mut self, address: SocketAddr, key: ComponentKey) {
        if !self.has_owner(address) {
            self.change(|demux| demux.add_address(address, key));
        }
    }

    /// The component's ICE does not take the address for its peer's any more.
    pub(in super::super) fn remove_address(&mut self, address: SocketAddr, key: ComponentKey) {
        if let Self::Shared { here, .. } = self
            && here.get(&address) == Some(&key)
        {
            here.remove(&address);
        }
        self.change(|demux| demux.remove_address(address, key));
    }

    /// A STUN message leaves: if it is a request, its response will be known.
    pub(in super::super) fn note_sent(
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
    pub(in super::super) fn move_away(&mut self, key: ComponentKey) {
        if let Self::Shared { common, here } = self {
            for address in common.read().addresses_of(key) {
                here.remove(address);
            }
        }
    }

    /// Forgets a component. Returns whether the port has none left.
    pub(in super::super) fn remove(&mut self, key: ComponentKey) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ComponentKey = (1, 1);
    const OTHER: ComponentKey = (2, 1);

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Two sockets of a port: the stream of `ONE` lives with the first, that of `OTHER` with the second.
    fn both() -> [Directory; 2] {
        let common = Arc::new(SharedDemux::new(2));
        [(); 2].map(|()| Directory::shared(Arc::clone(&common)))
    }

    #[test]
    fn what_one_socket_learns_the_others_know_until_it_is_taken_back() {
        let [mut first, mut second] = both();
        let now = Instant::now();
        first.set_ufrags(["abcd"].into_iter(), ONE);
        second.set_ufrags(["efgh"].into_iter(), OTHER);
        let request = |local_ufrag| {
            Some(StunKind::Request {
                transaction: Default::default(),
                local_ufrag: Some(local_ufrag),
            })
        };
        assert_eq!(
            second.route(now, at(1), request("abcd"), |_| false),
            Some(ONE)
        );
        assert_eq!(
            first.route(now, at(1), request("efgh"), |_| false),
            Some(OTHER)
        );
        first.expect(at(1), ONE);
        assert_eq!(second.stray(at(1), None), Stray::Expected(vec![ONE]));
        first.add_address(at(1), ONE);
        second.add_address(at(1), OTHER);
        for directory in [&mut first, &mut second] {
            assert_eq!(directory.route(now, at(1), None, |_| false), Some(ONE));
            let anothers = directory.route(now, at(1), request("efgh"), |_| false);
            assert_eq!(anothers, None, "the address is the first one's");
        }
        first.remove_address(at(1), ONE);
        second.add_address(at(1), OTHER);
        assert_eq!(second.route(now, at(1), None, |key| key == 2), Some(OTHER));
        assert!(!second.remove(OTHER), "one is left");
        assert_eq!(second.route(now, at(1), None, |_| true), None);
        assert!(first.remove(ONE));
    }

    #[test]
    fn addresses_of_streams_that_live_here_are_noted_until_those_leave() {
        let [mut first, mut second] = both();
        let now = Instant::now();
        first.set_ufrags(["abcd"].into_iter(), ONE);
        first.add_address(at(1), ONE);
        let notes = |directory: &Directory| match directory {
            Directory::Shared { here, .. } => here.len(),
            Directory::Own(_) => unreachable!("it is shared"),
        };
        assert_eq!(second.route(now, at(1), None, |_| false), Some(ONE));
        assert_eq!(first.route(now, at(1), None, |_| true), Some(ONE));
        assert_eq!((notes(&first), notes(&second)), (1, 0));
        first.move_away(ONE);
        assert_eq!(second.route(now, at(1), None, |_| true), Some(ONE));
        assert_eq!((notes(&first), notes(&second)), (0, 1));
        second.remove_address(at(1), ONE);
        assert_eq!(notes(&second), 0);
    }
}
