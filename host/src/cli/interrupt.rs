//! What is left to do when a signal ends the command.
use super::exit::Failed;
use handclasp::plugin::Scratch;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::thread;

/// From now on the signals that end a command remove its private copies first.
pub(super) fn tidy_up() -> Result<(), Failed> {
    let failed = |error| Failed::new(format!("signals cannot be waited for: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let wait = move || {
        for signal in signals.forever() {
            Scratch::remove_all();
            // Ends the process, as the signal does by itself: who started it sees that.
            let _ = emulate_default_handler(signal);
        }
    };
    let thread = thread::Builder::new().name("handclasp-signals".to_owned());
    thread.spawn(wait).map(drop).map_err(failed)
}
