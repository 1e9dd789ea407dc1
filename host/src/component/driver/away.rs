//! Calls that are away, and when they are overdue.
use super::{Driver, Phase};
use crate::component::failure::Failure;
use crate::plugin::CallName;
use std::time::{Duration, Instant};

/// How long calls may take, from when they are handed out.
#[derive(Clone, Copy, Debug)]
pub(in crate::component) struct Patience {
    pub(in crate::component) init: Duration,
    pub(in crate::component) others: Duration,
}

/// A call that has not come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Away {
    pub(super) call: CallName,
    /// When it is overdue, once it is handed out.
    pub(super) until: Option<Instant>,
    /// The number of the datagram that it carries.
    pub(super) number: u64,
}

impl Patience {
    /// `None` for `destroy`, which nobody waits for.
    pub(super) fn of(self, call: CallName) -> Option<Duration> {
        match call {
            CallName::Init => Some(self.init),
            CallName::Destroy => None,
            _ => Some(self.others),
        }
    }
}

impl Driver {
    /// What is wrong, if the call that is under way should have come back by now.
    pub(in crate::component) fn overdue(&self, now: Instant) -> Option<Failure> {
        self.overdue_at().filter(|at| *at <= now)?;
        let call = self.away?.call;
        Some(Failure::CallTimeout {
            plugin: self.plugin.id.clone(),
            call,
            timeout: self.patience.of(call)?,
        })
    }

    /// When the call that is under way is overdue; `None` at the end, when nobody waits for it.
    pub(in crate::component) fn overdue_at(&self) -> Option<Instant> {
        self.away?.until.filter(|_| self.phase != Phase::Ended)
    }
}
