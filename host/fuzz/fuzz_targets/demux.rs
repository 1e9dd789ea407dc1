//! The first look at a datagram, and which component of a shared socket it is for.
#![no_main]
use arbitrary::Arbitrary;
use demux::Demux;
use handclasp::ice::{StunKind, TransactionId, stun_kind};
use handclasp_fuzz::Made;
use is::stun::StunMessage;
use keys::ComponentKey;
use libfuzzer_sys::fuzz_target;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

// They are private to the host, and need nothing of it but `ice`.
#[path = "../../src/ice/budget.rs"]
mod budget;
#[allow(dead_code)] // what only an event loop asks
#[allow(unused_imports)]
#[path = "../../src/net/demux/mod.rs"]
mod demux;
#[path = "../../src/net/id_map.rs"]
mod id_map;
#[allow(dead_code)]
#[path = "../../src/net/keys.rs"]
mod keys;
#[path = "../../src/ice/pace.rs"]
mod pace;

mod ice {
    pub(crate) use crate::budget::Budget;
    pub(crate) use crate::pace::Pace;
    pub(crate) use handclasp::ice::{Pair, StunKind, TransactionId};
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Ufrags(u8, Vec<&'a str>),
    Address(u8, u16),
    GivesUp(u8, u16),
    Sends(u8, Datagram<'a>),
    Arrives(u16, Datagram<'a>),
    Leaves(u8),
    Pass(u8),
}

#[derive(Arbitrary, Debug)]
enum Datagram<'a> {
    Bytes(&'a [u8]),
    Made(&'a str, Made<'a>),
}

fuzz_target!(|steps: Vec<Step<'_>>| {
    let mut demux = Demux::new();
    let mut now = Instant::now();
    let mut ufrags: HashMap<ComponentKey, HashSet<&str>> = HashMap::new();
    let mut owners: HashMap<SocketAddr, ComponentKey> = HashMap::new();
    let mut checks: HashMap<TransactionId, bool> = HashMap::new();
    for step in steps {
        match step {
            Step::Ufrags(key, names) => {
                demux.set_ufrags(names.iter().copied(), component(key));
                ufrags.insert(component(key), names.into_iter().collect());
            }
            Step::Address(key, port) => {
                demux.add_address(address(port), component(key));
                owners.entry(address(port)).or_insert(component(key));
            }
            Step::GivesUp(key, port) => {
                demux.remove_address(address(port), component(key));
                owners.retain(|of, owner| (*of, *owner) != (address(port), component(key)));
            }
            Step::Sends(key, datagram) => {
                let datagram = contents(&datagram);
                let Some(kind) = stun_kind(&datagram) else {
                    continue;
                };
                demux.note_sent(now, kind, component(key));
                if let StunKind::Request {
                    transaction,
                    local_ufrag,
                } = kind
                {
                    checks.insert(transaction, local_ufrag.is_some());
                }
            }
            Step::Arrives(port, datagram) => {
                let datagram = contents(&datagram);
                look(&datagram);
                let kind = stun_kind(&datagram);
                let Some(key) = demux.route(now, address(port), kind) else {
                    continue;
                };
                let owner = owners.get(&address(port)).copied();
                let is_anothers = owner.is_some_and(|owner| owner != key);
                match kind {
                    Some(StunKind::Request { local_ufrag, .. }) => {
                        let ufrag = local_ufrag.expect("it was found by it");
                        assert!(ufrags[&key].contains(ufrag));
                        assert!(!is_anothers);
                    }
                    Some(StunKind::Response { transaction }) => {
                        assert!(!(is_anothers && checks[&transaction]));
                    }
                    _ => assert_eq!(owner, Some(key)),
                }
            }
            Step::Leaves(key) => {
                demux.remove(component(key));
                ufrags.remove(&component(key));
                owners.retain(|_, owner| *owner != component(key));
            }
            Step::Pass(seconds) => now += Duration::from_secs(seconds.into()),
        }
    }
});

/// The first look misses nothing that the ICE core would take.
fn look(datagram: &[u8]) {
    let Ok(message) = StunMessage::parse(datagram) else {
        return;
    };
    // RFC 7983: the core does not look at the first two bits.
    if datagram[0] > 3 {
        assert!(stun_kind(datagram).is_none());
        return;
    }
    let kind = stun_kind(datagram).expect("the core takes it for STUN");
    let is_request = matches!(kind, StunKind::Request { .. });
    assert!(is_request || !message.is_binding_request());
    let is_response = matches!(kind, StunKind::Response { .. });
    assert!(is_response || !message.is_successful_binding_response());
}

fn contents(datagram: &Datagram<'_>) -> Vec<u8> {
    match datagram {
        Datagram::Bytes(bytes) => bytes.to_vec(),
        Datagram::Made(username, made) => made.datagram([7; 12], username),
    }
}

fn component(key: u8) -> ComponentKey {
    (key.into(), 1)
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}
