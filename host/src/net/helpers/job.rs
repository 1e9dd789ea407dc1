//! What a helper thread does.
use super::init_call::InitCall;
use crate::net::keys::StreamKey;
use crate::net::mailbox::{Command, Mailbox};
use crate::net::mdns;
use crate::plugin::nanos_since;
use crate::stream::Lookup;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Weak;
use std::time::{Duration, Instant};

/// A task, and where its outcome goes.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) task: Task,
    /// Gone with its event loop, which what hangs outlives.
    pub(super) mailbox: Weak<Mailbox>,
    pub(super) epoch: Instant,
    /// How long it may take.
    pub(super) limit: Option<Duration>,
}

/// What may take long.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // nearly all are calls
pub(super) enum Task {
    Init(InitCall),
    /// The system's resolver asks other machines.
    LookUp(Lookup),
}

impl Job {
    pub(super) fn run(self, stream: StreamKey) {
        match self.task {
            Task::Init(call) => {
                let now = nanos_since(self.epoch, Instant::now());
                if call.run(now) {
                    post(&self.mailbox, Command::Completed(stream));
                }
            }
            Task::LookUp(lookup) => {
                let found = look_up(&lookup);
                post(&self.mailbox, Command::Found(stream, lookup, found));
            }
        }
    }
}

fn post(mailbox: &Weak<Mailbox>, command: Command) {
    if let Some(mailbox) = mailbox.upgrade() {
        mailbox.post(command);
    }
}

/// At least one address, or part of a sentence.
fn look_up(lookup: &Lookup) -> Result<Vec<SocketAddr>, String> {
    if lookup.host.ends_with(".local") {
        let found = mdns::resolve(&lookup.host)?;
        let at_port = |address| SocketAddr::new(address, lookup.port);
        return Ok(found.into_iter().map(at_port).collect());
    }
    let found = (lookup.host.as_str(), lookup.port).to_socket_addrs();
    let addresses: Vec<SocketAddr> = found
        .map_err(|error| format!("its name cannot be resolved: {error}"))?
        .collect();
    match addresses.is_empty() {
        true => Err("its name stands for no address".to_owned()),
        false => Ok(addresses),
    }
}
