//! What is counted of all streams together, and what went wrong.
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts since the start.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) hosts: Count,
    pub(super) opened: Count,
    pub(super) refused: Count,
    pub(super) ended: Count,
    pub(super) ready: [Count; PLUGINS.len()],
    pub(super) sent: Count,
    pub(super) received: Count,
    /// Those of them that were another stream's.
    pub(super) strays: Count,
    pub(super) messages: Count,
    pub(super) keys: Count,
    pub(super) restarts: Count,
    pub(super) panics: Count,
    pub(super) faults: Count,
}

/// The plugins, of which some may not be built.
pub(super) const PLUGINS: [&str; 3] = ["none", "dtls-srtp", "dtls-openssl"];

#[derive(Debug, Default)]
pub(super) struct Count(AtomicUsize);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Totals {
    /// Streams that are open, or about to.
    pub(super) fn living(&self) -> usize {
        (self.opened.get()).saturating_sub(self.ended.get())
    }

    /// More strays than ports that are bound again explain are a fault.
    pub(super) fn check_strays(&self) {
        let (strays, received) = (self.strays.get(), self.received.get());
        if strays > 50 + received / 1000 {
            self.fault(&format!(
                "{strays} of {received} datagrams were another stream's"
            ));
        }
    }

    /// Says what went wrong.
    pub(super) fn fault(&self, what: &str) {
        self.faults.add();
        eprintln!("stress: FAULT: {what}");
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} hosts, {} streams ({} refused, {} open), ready",
            self.hosts.get(),
            self.opened.get(),
            self.refused.get(),
            self.living()
        )?;
        for (plugin, count) in PLUGINS.iter().zip(&self.ready) {
            write!(f, " {plugin} {},", count.get())?;
        }
        write!(
            f,
            " {} of {} datagrams ({} strays), {} messages, {} keys, {} restarts, {} panics",
            self.received.get(),
            self.sent.get(),
            self.strays.get(),
            self.messages.get(),
            self.keys.get(),
            self.restarts.get(),
            self.panics.get()
        )
    }
}
