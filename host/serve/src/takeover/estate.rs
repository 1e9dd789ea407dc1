//! What a daemon passes to its successor.
use handclasp::{PassedPlace, PassedPorts};
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Where others connect.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// The control socket.
    pub(crate) control: Option<OwnedFd>,
    /// Beside it, where the daemon has made it.
    pub(crate) lock: Option<Lock>,
    pub(crate) tcp: Option<(SocketAddr, OwnedFd)>,
    pub(crate) http: Option<(SocketAddr, OwnedFd)>,
}

/// The lock of a control socket: it is held as long as one copy is open.
#[derive(Debug)]
pub(crate) struct Lock(pub(crate) OwnedFd);

/// All that passes.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) ports: PassedPorts,
    pub(crate) listeners: Listeners,
}

/// What it is made of: says in which order its descriptors come. Links, sockets place by place, then those listeners that
/// there are.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// How this is to be read: [`FORMAT`].
    pub(crate) format: u32,
    pub(crate) process: u32,
    pub(crate) version: String,
    pub(crate) loops: usize,
    pub(crate) places: Vec<Place>,
    pub(crate) control: bool,
    pub(crate) lock: bool,
    pub(crate) tcp: Option<SocketAddr>,
    pub(crate) http: Option<SocketAddr>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) address: IpAddr,
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) component_id: u16,
}

/// It changes when a daemon could misread what another version offers.
pub(crate) const FORMAT: u32 = 1;
/// More descriptors than any daemon passes.
const MOST: usize = 1 << 16;

impl Listeners {
    /// Copies of all.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let copy = |descriptor: &Option<OwnedFd>| {
            let copy = descriptor.as_ref().map(OwnedFd::try_clone);
            copy.transpose()
        };
        let copy_at = |listener: &Option<(SocketAddr, OwnedFd)>| {
            let copy = listener.as_ref();
            let copy = copy.map(|(at, it)| it.try_clone().map(|it| (*at, it)));
            copy.transpose()
        };
        let lock = self.lock.as_ref().map(|lock| lock.0.try_clone().map(Lock));
        Ok(Self {
            control: copy(&self.control)?,
            lock: lock.transpose()?,
            tcp: copy_at(&self.tcp)?,
            http: copy_at(&self.http)?,
        })
    }
}

impl Estate {
    pub(crate) fn offer(&self) -> Offer {
        let places = self.ports.places.iter().map(|place| Place {
            address: place.address,
            ports: place.ports.as_ref().map(|it| (*it.start(), *it.end())),
            component_id: place.component_id,
        });
        let at = |listener: &Option<(SocketAddr, OwnedFd)>| listener.as_ref().map(|(at, _)| *at);
        Offer {
            format: FORMAT,
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            loops: self.ports.links.len(),
            places: places.collect(),
            control: self.listeners.control.is_some(),
            lock: self.listeners.lock.is_some(),
            tcp: at(&self.listeners.tcp),
            http: at(&self.listeners.http),
        }
    }

    /// In the order of the offer.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let Self { ports, listeners } = self;
        let sockets = ports.places.iter().flat_map(|place| &place.sockets);
        let tcp = listeners.tcp.as_ref().map(|(_, listener)| listener);
        let http = listeners.http.as_ref().map(|(_, listener)| listener);
        let lock = listeners.lock.as_ref().map(|lock| &lock.0);
        let listeners = [listeners.control.as_ref(), lock, tcp, http];
        let all = ports.links.iter().chain(sockets);
        let all = all.chain(listeners.into_iter().flatten());
        all.map(AsFd::as_fd).collect()
    }
}

impl Offer {
    /// How many descriptors it is of; `None` for more than any daemon's.
    pub(crate) fn count(&self) -> Option<usize> {
        let listeners = [
            self.control,
            self.lock,
            self.tcp.is_some(),
            self.http.is_some(),
        ];
        let listeners = listeners.into_iter().filter(|is_there| *is_there).count();
        let places = self.places.len().checked_add(1)?;
        let count = places.checked_mul(self.loops)?.checked_add(listeners)?;
        (count <= MOST).then_some(count)
    }

    /// What is offered, of its descriptors: as many as it [counts](Self::count).
    pub(crate) fn estate(&self, descriptors: Vec<OwnedFd>) -> Option<Estate> {
        if self.count() != Some(descriptors.len()) {
            return None;
        }
        let mut descriptors = descriptors.into_iter();
        let links = descriptors.by_ref().take(self.loops).collect();
        let places = self.places.iter().map(|place| PassedPlace {
            address: place.address,
            ports: place.ports.map(|(first, last)| first..=last),
            component_id: place.component_id,
            sockets: descriptors.by_ref().take(self.loops).collect(),
        });
        let places = places.collect();
        let mut next_if = |is_there: bool| is_there.then(|| descriptors.next()).flatten();
        let listeners = Listeners {
            control: next_if(self.control),
            lock: next_if(self.lock).map(Lock),
            tcp: self.tcp.zip(next_if(self.tcp.is_some())),
            http: self.http.zip(next_if(self.http.is_some())),
        };
        let ports = PassedPorts { places, links };
        Some(Estate { ports, listeners })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::File;

    fn some() -> OwnedFd {
        File::open("/dev/null").expect("it is there").into()
    }

    #[test]
    fn an_estate_comes_as_it_was_offered() {
        let at = SocketAddr::from(([127, 0, 0, 1], 3478));
        let place = |component_id| PassedPlace {
            address: at.ip(),
            ports: Some(3478..=3500),
            component_id,
            sockets: vec![some(), some()],
        };
        let estate = Estate {
            ports: PassedPorts {
                places: vec![place(1), place(2)],
                links: vec![some(), some()],
            },
            listeners: Listeners {
                control: Some(some()),
                lock: None,
                tcp: None,
                http: Some((at, some())),
            },
        };
        let offer = estate.offer();
        let text = serde_json::to_string(&offer).expect("it is text");
        let read: Offer = serde_json::from_str(&text).expect("it is an offer");
        assert_eq!(read, offer);
        let descriptors = estate.descriptors();
        assert_eq!(offer.count(), Some(8));
        let copies = descriptors.iter().map(|it| it.try_clone_to_owned());
        let copies: io::Result<Vec<_>> = copies.collect();
        let taken = offer.estate(copies.expect("there are files left"));
        assert_eq!(taken.expect("all are there").offer(), offer);
        assert!(offer.estate(vec![some()]).is_none(), "too few");
    }

    proptest! {
        #[test]
        fn whatever_is_offered_is_counted_or_refused(loops: usize, places in 0..100_usize, flags: [bool; 2]) {
            let place = || Place {
                address: IpAddr::from([127, 0, 0, 1]),
                ports: None,
                component_id: 1,
            };
            let offer = Offer {
                format: FORMAT,
                process: 1,
                version: String::new(),
                loops,
                places: (0..places).map(|_| place()).collect(),
                control: flags[0],
                lock: flags[1],
                tcp: None,
                http: None,
            };
            prop_assert!(offer.count().is_none_or(|count| count <= MOST));
            prop_assert!(offer.count() == Some(0) || offer.estate(Vec::new()).is_none());
        }
    }
}
