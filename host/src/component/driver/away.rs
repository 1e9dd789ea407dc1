//! Calls that are away, and when they are overdue.
use super::{Driver, Phase};
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
    /// A sentence, if the call that is under way should have come back by now.
    pub(in crate::component) fn overdue(&self, now: Instant) -> Option<String> {
        self.overdue_at().filter(|at| *at <= now)?;
        let call = self.away?.call;
        let (id, name) = (&self.plugin.id, call.as_str());
        let seconds = self.patience.of(call)?.as_secs_f32();
        let remedy = match call {
            CallName::Init => "see what it waits for, or allow it more (init_timeout)",
            _ => "tell its author, and run `handclasp check` on it",
        };
        Some(format!(
            "plugin {id}: {name} has not returned within {seconds} s: {remedy}"
        ))
    }

    /// When the call that is under way is overdue; `None` at the end, when nobody waits for it.
    pub(in crate::component) fn overdue_at(&self) -> Option<Instant> {
        self.away?.until.filter(|_| self.phase != Phase::Ended)
    }
}
