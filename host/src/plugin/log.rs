//! What plugins log, on its way to `tracing`.
use crate::counted;
use crate::spool::Spool;
use handclasp_abi as abi;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tracing::{debug, enabled, error, info, trace, warn};

/// Takes plugins' lines at any moment of any thread, and tells them from a thread of its own, as events of `tracing`
/// with the target `handclasp::plugin`: subscribers use thread-local variables, which are gone when a plugin's own
/// are dropped, and may wait for whoever reads.
pub struct PluginLog {
    spool: Spool,
    /// The most verbose level that has a reader, as the contract numbers it; 0 if none has.
    level: Arc<AtomicU32>,
}

/// Most bytes of lines that wait.
const CAPACITY: usize = 256 * 1024;
/// Ends a plugin's name in a line of the spool; neither it nor the line's own words have one.
const END_OF_NAME: char = '\t';

impl PluginLog {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives none.
    pub fn start() -> io::Result<Self> {
        let level = Arc::new(AtomicU32::new(level()));
        let asked = Arc::clone(&level);
        let spool = Spool::start("handclasp-log", CAPACITY, move |lines, dropped| {
            let lines = String::from_utf8_lossy(lines);
            lines.lines().for_each(tell);
            if dropped > 0 {
                warn!(
                    target: "handclasp::plugin",
                    "plugins log more than is read: {} dropped",
                    counted(dropped, "line")
                );
            }
            asked.store(self::level(), Ordering::Relaxed);
            ControlFlow::Continue(())
        })?;
        Ok(Self { spool, level })
    }

    /// Hands all lines that plugins log to `take`, whatever their level, each with a head of its own and its end. For those
    /// who look at what plugins log.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn collect(mut take: impl FnMut(&[u8]) + Send + 'static) -> io::Result<Self> {
        let level = Arc::new(AtomicU32::new(abi::HC_LOG_TRACE));
        let spool = Spool::start("handclasp-log", CAPACITY, move |lines, _| {
            take(lines);
            ControlFlow::Continue(())
        })?;
        Ok(Self { spool, level })
    }

    /// Asks anew which levels have readers. Not from a plugin's thread.
    pub(super) fn refresh(&self) {
        self.level.store(level(), Ordering::Relaxed);
    }

    pub(super) fn is_enabled(&self, level: u32) -> bool {
        level.min(abi::HC_LOG_TRACE) <= self.level.load(Ordering::Relaxed)
    }

    /// Takes a line without control characters.
    pub(super) fn push(&self, level: u32, plugin_id: &str, line: &str) {
        let level = match level {
            abi::HC_LOG_ERROR => b"1",
            abi::HC_LOG_WARN => b"2",
            abi::HC_LOG_INFO => b"3",
            abi::HC_LOG_DEBUG => b"4",
            _ => b"5",
        };
        let name_ends = [END_OF_NAME as u8];
        self.spool
            .push(&[level, plugin_id.as_bytes(), &name_ends, line.as_bytes()]);
    }

    /// Waits until all is told, but no longer than this.
    pub fn finish(&self, patience: Duration) {
        self.spool.finish(patience);
    }
}

impl fmt::Debug for PluginLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PluginLog")
    }
}

fn tell(line: &str) {
    let Some((level, rest)) = line.split_at_checked(1) else {
        return;
    };
    let (plugin, line) = rest.split_once(END_OF_NAME).unwrap_or(("", rest));
    match level {
        "1" => error!(target: "handclasp::plugin", plugin, "{line}"),
        "2" => warn!(target: "handclasp::plugin", plugin, "{line}"),
        "3" => info!(target: "handclasp::plugin", plugin, "{line}"),
        "4" => debug!(target: "handclasp::plugin", plugin, "{line}"),
        _ => trace!(target: "handclasp::plugin", plugin, "{line}"),
    }
}

/// The most verbose level that `tracing` has a reader for.
fn level() -> u32 {
    let enabled = [
        enabled!(target: "handclasp::plugin", tracing::Level::TRACE),
        enabled!(target: "handclasp::plugin", tracing::Level::DEBUG),
        enabled!(target: "handclasp::plugin", tracing::Level::INFO),
        enabled!(target: "handclasp::plugin", tracing::Level::WARN),
        enabled!(target: "handclasp::plugin", tracing::Level::ERROR),
    ];
    let levels = (abi::HC_LOG_ERROR..=abi::HC_LOG_TRACE).rev();
    let mut levels = levels.zip(enabled).filter(|(_, enabled)| *enabled);
    levels.next().map_or(0, |(level, _)| level)
}
