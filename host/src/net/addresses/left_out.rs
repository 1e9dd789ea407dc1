//! Addresses that could not be bound beside others, each told of once.
use crate::ice::Transport;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, PoisonError};

/// What could not be bound: a component's socket or listener at an address.
type Place = (u16, Transport, IpAddr);

/// Those of a stream.
#[derive(Debug, Default)]
pub(in crate::net) struct LeftOut(HashSet<Place>);

/// Those of all streams of this process that share ports.
static SHARED: LazyLock<Mutex<LeftOut>> = LazyLock::new(Mutex::default);

/// Most that are remembered: what is beyond is told each time.
const MAX_KNOWN: usize = 4096;

impl LeftOut {
    /// Whether it is news that an address could not be bound.
    pub(in crate::net) fn note(&mut self, place: Place) -> bool {
        let Self(known) = self;
        match known.len() < MAX_KNOWN {
            true => known.insert(place),
            false => !known.contains(&place),
        }
    }

    /// It is bound now.
    pub(in crate::net) fn forget(&mut self, place: Place) {
        self.0.remove(&place);
    }

    /// Those of all streams that share ports: what thousands find is told once.
    pub(in crate::net) fn with_shared<T>(call: impl FnOnce(&mut Self) -> T) -> T {
        // No code that could panic runs under this lock.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        call(&mut shared)
    }
}

#[cfg(test)]
mod tests {
    use super::{LeftOut, MAX_KNOWN, Transport};
    use std::net::Ipv4Addr;

    #[test]
    fn each_address_is_news_once_until_it_could_be_bound() {
        let mut left_out = LeftOut::default();
        let place = (1, Transport::Udp, Ipv4Addr::LOCALHOST.into());
        assert!(left_out.note(place));
        assert!(!left_out.note(place));
        assert!(left_out.note((2, place.1, place.2)));
        assert!(left_out.note((1, Transport::Tcp, place.2)));
        left_out.forget(place);
        assert!(left_out.note(place));
        for number in 0..=MAX_KNOWN as u32 {
            left_out.note((1, Transport::Udp, Ipv4Addr::from(number).into()));
        }
        assert_eq!(left_out.0.len(), MAX_KNOWN);
    }
}
