//! What a host is made of.
use crate::error::{HostError, MAX_LOOPS};
use crate::key_log::KeyLog;
#[cfg(unix)]
use crate::net::PassedPorts;
use crate::plugin::{Scanner, SearchPath};
use std::num::NonZero;
use std::thread;

/// What a host is made of: say where its plugins are with [`new`](Self::new), then change what is not to be as it is by
/// default.
///
/// Every setter takes anything; [`Host::new`](crate::Host::new) checks all.
#[derive(Debug)]
#[must_use = "give it to `Host::new`"]
pub struct HostOptions {
    pub(crate) plugins: SearchPath,
    pub(crate) scanner: Scanner,
    pub(crate) loops: Option<usize>,
    pub(crate) key_log: Option<KeyLog>,
    pub(crate) measure_calls: bool,
    #[cfg(unix)]
    pub(crate) passed: Option<PassedPorts>,
}

impl HostOptions {
    /// A host that looks for plugins there, with an event loop for each core, and the scanner that
    /// [can be found](Scanner::find): where the command `handclasp` is not beside the program or in `PATH`, plugins are
    /// opened in this process at once, and one that crashes then takes it with it.
    pub fn new(plugins: SearchPath) -> Self {
        Self {
            plugins,
            scanner: Scanner::default(),
            loops: None,
            key_log: None,
            measure_calls: false,
            #[cfg(unix)]
            passed: None,
        }
    }

    /// What opens each plugin in a process of its own before it is opened in this one.
    pub fn scanner(mut self, scanner: Scanner) -> Self {
        self.scanner = scanner;
        self
    }

    /// How many event loops, each a thread: 1 to 1024; as many as there are cores unless this is called.
    pub fn loops(mut self, count: usize) -> Self {
        self.loops = Some(count);
        self
    }

    /// Where plugins' secrets go; nowhere unless this is called.
    pub fn key_log(mut self, key_log: impl Into<Option<KeyLog>>) -> Self {
        self.key_log = key_log.into();
        self
    }

    /// Whether calls into plugins are counted and timed, for [`Plugin::call_counts`](crate::plugin::Plugin::call_counts): that reads the
    /// clock twice a call. They are not unless this is called.
    pub fn measure_calls(mut self, measures: bool) -> Self {
        self.measure_calls = measures;
        self
    }

    /// Ports of another process's that are taken over: streams that ask for them share its sockets, and there is an event
    /// loop for each of the links. What has come for them to that process is passed on here until its host has ended; then
    /// this host receives by itself, if the takeover was [confirmed](crate::Host::confirm_takeover).
    #[cfg(unix)]
    pub fn take_over(mut self, ports: PassedPorts) -> Self {
        self.passed = Some(ports);
        self
    }

    /// How many event loops there are to be, if all is within its bounds.
    pub(crate) fn check(&self) -> Result<usize, HostError> {
        if let Some(patience) = self.scanner.wrong_patience() {
            return Err(HostError::Patience { patience });
        }
        let cores = || {
            thread::available_parallelism()
                .map_or(1, NonZero::get)
                .min(MAX_LOOPS)
        };
        #[cfg(unix)]
        if let Some(passed) = &self.passed {
            let count = passed.links.len();
            let is_meant = self.loops.is_none_or(|loops| loops == count);
            return match is_meant && passed.is_whole() && (1..=MAX_LOOPS).contains(&count) {
                true => Ok(count),
                false => Err(HostError::Passed { count }),
            };
        }
        match self.loops.unwrap_or_else(cores) {
            count @ 1..=MAX_LOOPS => Ok(count),
            count => Err(HostError::Loops { count }),
        }
    }
}
