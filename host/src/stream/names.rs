//! Names behind which the peer hides addresses of its candidates.
use super::gathering::Owner;
use super::{Lookup, Notification, Stream};
use crate::ice::{Accepted, mdns_name, with_address};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// Most names of one peer that are looked up, and how often one that nobody knew: for each the whole network is
/// asked.
const MAX_NAMES: usize = 16;
const MAX_TRIES: u32 = 4;
/// Most candidates of a component that wait for one name.
const MAX_WAITING: usize = 32;

/// Names of the peer's candidates. Each is looked up once, and has its addresses for the life of the stream.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: Vec<Name>,
    lookups: VecDeque<Lookup>,
    /// Whether a name that is not looked up was told of.
    warned: bool,
}

#[derive(Debug)]
struct Name {
    name: String,
    addresses: Vec<IpAddr>,
    /// The component and line of each candidate that waits for the answer.
    waiting: Vec<(u16, String)>,
    asking: bool,
    tries: u32,
}

impl Names {
    pub(super) fn poll_lookup(&mut self) -> Option<Lookup> {
        self.lookups.pop_front()
    }

    fn find(&mut self, name: &str) -> Option<&mut Name> {
        let mut known = self.known.iter_mut();
        known.find(|known| known.name.eq_ignore_ascii_case(name))
    }
}

impl Stream {
    /// The peer's candidate has a name for an address: mDNS knows it, or nobody.
    pub(super) fn look_up_candidate(&mut self, component_id: u16, line: &str) {
        let Some((name, port)) = mdns_name(line) else {
            return self.warn_of_name(line);
        };
        if self.config.settings.servers.relay_only {
            return; // a relay must not learn what is hidden (draft-ietf-mmusic-mdns-ice-candidates, section 3.2.1)
        }
        if self.names.find(name).is_none() {
            if self.names.known.len() == MAX_NAMES {
                let warning =
                    format!("{name} is not looked up: the peer has named {MAX_NAMES} others");
                self.notify(Notification::Warning { warning });
                return;
            }
            self.names.known.push(Name {
                name: name.to_owned(),
                addresses: Vec::new(),
                waiting: Vec::new(),
                asking: false,
                tries: 0,
            });
        }
        let Some(known) = self.names.find(name) else {
            return;
        };
        if !known.addresses.is_empty() {
            let addresses = known.addresses.clone();
            self.add_resolved(component_id, line, &addresses);
            return;
        }
        let of_component = known.waiting.iter().filter(|(id, _)| *id == component_id);
        if of_component.count() == MAX_WAITING || (!known.asking && known.tries == MAX_TRIES) {
            return;
        }
        known.waiting.push((component_id, line.to_owned()));
        if !known.asking {
            (known.asking, known.tries) = (true, known.tries + 1);
            self.names.lookups.push_back(Lookup {
                host: name.to_owned(),
                port,
                of: Owner::Peer,
            });
        }
    }

    /// A candidate has a name that is not looked up: that of a host on the Internet, which RFC 8839 allows.
    fn warn_of_name(&mut self, line: &str) {
        let Some(name) = line.split(' ').nth(4) else {
            return;
        };
        if !std::mem::replace(&mut self.names.warned, true) {
            self.warn(format!(
                "the peer's candidate has the host name {name:.253}, and only names that end in .local are looked up: \
                 have it give addresses"
            ));
        }
    }

    /// A name that nobody knows costs nothing: the peer's checks show where it is.
    pub(super) fn name_found(&mut self, name: &str, found: &Result<Vec<SocketAddr>, String>) {
        let Some(known) = self.names.find(name) else {
            return;
        };
        known.asking = false;
        known.addresses = found.iter().flatten().map(SocketAddr::ip).collect();
        let (addresses, waiting) = (known.addresses.clone(), std::mem::take(&mut known.waiting));
        for (component_id, line) in waiting {
            self.add_resolved(component_id, &line, &addresses);
        }
    }

    fn add_resolved(&mut self, component_id: u16, line: &str, addresses: &[IpAddr]) {
        let mut is_new = false;
        for address in addresses {
            let Some(line) = with_address(line, *address) else {
                continue;
            };
            let Ok(state) = self.component_mut(component_id) else {
                return;
            };
            match state.component.agent_mut().add_remote_candidate(&line) {
                Ok(accepted) => is_new |= accepted == Accepted::New,
                Err(error) => {
                    let warning = format!("a candidate was left out: {error}");
                    self.notify(Notification::Warning { warning });
                }
            }
        }
        if is_new {
            self.tell_remote_candidate(component_id, line);
        }
    }
}
