//! Ports that are to be bound for streams that share them, before there is one.
use super::addresses::bind::{BindError, BindOptions};
use crate::ice::{Announced, StunServer, in_order};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// What a loop is to bind, and who waits for it.
#[derive(Debug)]
pub(crate) struct SharedPorts {
    pub(crate) ports: Ports,
    pub(crate) bound: SyncSender<Result<Vec<SocketAddr>, BindError>>,
}

/// The ports of streams with these options.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) bind_options: BindOptions,
    pub(crate) n_components: u16,
    pub(crate) announced: Arc<[Announced]>,
    pub(crate) stun: Vec<StunServer>,
}

impl Ports {
    /// Where they are, as for a stream.
    pub(super) fn addresses(&self) -> Result<Vec<IpAddr>, BindError> {
        let (addresses, _) = self.bind_options.usable_addresses()?;
        Ok(in_order(&self.announced, addresses, !self.stun.is_empty()))
    }
}
