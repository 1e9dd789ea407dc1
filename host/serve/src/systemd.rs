//! What is said to systemd, where that has started the daemon.
use listenfd::ListenFd;
use sd_notify::NotifyState;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The control socket, where systemd has made it: the first of those that were passed.
pub(crate) fn control_socket() -> Option<UnixListener> {
    let mut passed = ListenFd::from_env();
    match passed.take_unix_listener(0) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(
                "the first socket that was passed is no Unix socket that listens ({error}): it is not used"
            );
            None
        }
    }
}

/// The daemon does its work; it is the service's main process, also if another one was.
pub(crate) fn ready(status: &str) {
    let main = NotifyState::MainPid(std::process::id());
    tell(&[main, NotifyState::Ready, NotifyState::Status(status)]);
}

/// Another process speaks for the service from now on.
pub(crate) fn fall_silent() {
    IS_SILENT.store(true, Ordering::Relaxed);
}

/// The configuration is being read again; [`ready`] follows.
pub(crate) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// The daemon waits for its last stream, so long at most.
pub(crate) fn draining(patience: Duration) {
    let microseconds = u32::try_from(patience.as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::Status("draining"),
        NotifyState::ExtendTimeoutUsec(microseconds),
    ]);
}

/// The daemon ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// How often the watchdog wants to be fed, if there is one: twice as often as it must be.
pub(crate) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|within| within / 2)
}

/// All event loops turn.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

static IS_SILENT: AtomicBool = AtomicBool::new(false);

fn tell(states: &[NotifyState<'_>]) {
    if IS_SILENT.load(Ordering::Relaxed) {
        return;
    }
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd is not told: {error}");
    }
}
