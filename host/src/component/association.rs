//! The peer's parameters, and what becomes of an association when they change (RFC 8842).
use super::Component;
use super::driver::Driver;
use crate::plugin::Role;
use std::sync::Arc;
use std::time::Instant;

impl Component {
    /// The peer's parameters. Other init data than before is another association (RFC 8842): a new instance
    /// with the id `instance_id` takes over, the old one closes.
    pub fn set_peer(&mut self, now: Instant, role: Role, init_data: Vec<u8>, instance_id: u64) {
        match self.driver.peer() {
            _ if self.driver.is_leaving() => {}
            Some((_, known)) if *known == init_data => {}
            None => self.driver.set_peer(role, init_data),
            Some(_) => self.reassociate(role, init_data, instance_id),
        }
        self.settle(now);
    }

    fn reassociate(&mut self, role: Role, init_data: Vec<u8>, instance_id: u64) {
        self.config.parameters.instance_id = instance_id;
        let next = Driver::start(
            Arc::clone(&self.config.plugin),
            self.config.parameters.clone(),
        );
        let mut old = std::mem::replace(&mut self.driver, next);
        old.close();
        self.leaving = Some(old);
        self.early.clear();
        self.handshake_data = None;
        self.handshake_deadline = None;
        self.ready.reported = false;
        self.driver.set_peer(role, init_data);
        if self.ready.since.is_some() {
            self.driver.ready();
        }
    }
}
