//! Ports that streams share: bound before there is a stream, and what STUN servers see of them.
use super::EventLoop;
use crate::ice::{Mapping, Transport};
use crate::net::addresses::bind::BindError;
use crate::net::addresses::left_out::LeftOut;
use crate::net::shared_ports::{Ports, SharedPorts};
use std::net::SocketAddr;
use std::time::Instant;

impl EventLoop {
    /// Binds ports that streams are to share.
    pub(super) fn bind_shared(&mut self, now: Instant, wanted: SharedPorts) {
        let bound = self.bind_ports(now, &wanted.ports);
        // Whoever asked may be gone.
        let _ = wanted.bound.send(bound);
    }

    fn bind_ports(&mut self, now: Instant, ports: &Ports) -> Result<Vec<SocketAddr>, BindError> {
        let (bind_options, mut bound) = (&ports.bind_options, Vec::new());
        let addresses = ports.addresses()?;
        for component_id in 1..=ports.n_components {
            let mut failures = Vec::new();
            let before = bound.len();
            for &address in &addresses {
                match self.sockets.bind(bind_options, component_id, address) {
                    Ok(binding) => {
                        self.stun.keep(now, binding.local, &ports.stun);
                        bound.push(binding.local);
                    }
                    Err(source) => failures.push((address, source)),
                }
            }
            for (address, source) in failures {
                let failure = bind_options.not_bound(address, source);
                if bound.len() == before {
                    return Err(failure);
                }
                let place = (component_id, Transport::Udp, address);
                if LeftOut::with_shared(|it| it.note(place)) {
                    tracing::warn!("component {component_id} does without {address}: {failure}");
                }
            }
        }
        Ok(bound)
    }

    /// A STUN server sees a shared socket otherwise than before.
    pub(super) fn mapping_changed(&mut self, mapping: &Mapping) {
        for driver in self.streams.values_mut() {
            if driver.mapping_changed(mapping) {
                driver.mark_dirty(&mut self.dirty);
            }
        }
    }
}
