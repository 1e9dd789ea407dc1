use super::handshake;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::probe::Probe;
use handclasp::plugin::watch;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

pub(crate) const SIGNALS: Check = Check {
    name: "signals",
    sentence: "It leaves to the host how signals are handled and which wait, and no timer that sends one",
    remedy: "let threads of the plugin's own block signals, and ask for time with deadlines (hc.timer/1); where a signal \
             cannot be done without, put back what was there before the call returns",
    needs: Some("handshake"),
    run: Run::Calling(check),
};

/// Signals by which a process is ended or told of its own doings: the host handles them, and must hear of them.
const HOSTS: [(i32, &str); 7] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (17, "SIGCHLD"),
];

/// What is set about signals.
struct Signals {
    handlers: BTreeMap<i32, usize>,
    /// Of this thread: a set, in hexadecimal.
    blocked: String,
    interval_timers: [Duration; 3],
    /// One line for each thing that is known of each.
    timers: String,
}

impl Signals {
    fn note() -> Self {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
        Self {
            handlers: watch::signal_handlers().into_iter().collect(),
            blocked: blocked.unwrap_or_default().trim().to_owned(),
            interval_timers: watch::interval_timers(),
            timers: fs::read_to_string("/proc/self/timers").unwrap_or_default(),
        }
    }

    /// Signals that are handled otherwise.
    fn changed(&self, now: &Self) -> Vec<i32> {
        let is_changed = |signal: &&i32| self.handlers.get(signal) != now.handlers.get(signal);
        now.handlers.keys().filter(is_changed).copied().collect()
    }
}

fn check(probe: &Probe) -> Checked {
    let before = Signals::note();
    let world = handshake(probe)?;
    let during = Signals::note();
    drop(world);
    let after = Signals::note();
    let mut found = Vec::new();
    let changed = [before.changed(&during), before.changed(&after)].concat();
    let is_changed = |(signal, _): &&(i32, &str)| changed.contains(signal);
    let hosts: Vec<_> = HOSTS
        .iter()
        .filter(is_changed)
        .map(|(_, name)| *name)
        .collect();
    if !hosts.is_empty() {
        found.push(format!("it set a handler for {}", hosts.join(", ")));
    }
    if before.blocked != during.blocked || before.blocked != after.blocked {
        found.push("it changed which signals the host's thread blocks".to_owned());
    }
    if before.interval_timers != after.interval_timers {
        found.push("an interval timer (setitimer, alarm) runs on after destroy".to_owned());
    }
    if before.timers != after.timers {
        found.push("a timer (timer_create) is left after destroy".to_owned());
    }
    match (found.is_empty(), changed.first()) {
        (false, _) => Err(Objection::finding(found.join("; "))),
        (true, Some(signal)) => Err(Objection::warning(format!(
            "it set a handler for signal {signal}, as the host or another plugin may"
        ))),
        (true, None) => Ok(()),
    }
}
