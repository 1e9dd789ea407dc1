use super::handshake;
use crate::check::capture::Capture;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::probe::Probe;
use std::fs;
use std::path::PathBuf;

pub(crate) const STREAMS: Check = Check {
    name: "standard-streams",
    sentence: "It leaves standard input, output and error alone: they are the host's",
    remedy: "tell people by hc_host.log and hc_call.error; where a library prints, give it a function that does that",
    needs: Some("handshake"),
    run: Run::Calling(check),
};

/// Characters of what was printed that are told.
const SHOWN: usize = 60;

fn check(probe: &Probe) -> Checked {
    let Ok(capture) = Capture::start(&probe.directory) else {
        return Err(Objection::skip("its output cannot be put into a file"));
    };
    let before = places();
    let ended = handshake(probe).map(drop);
    let after = places();
    let printed = capture.end();
    ended?;
    if let Some(number) = (0..before.len()).find(|&number| before[number] != after[number]) {
        return Err(Objection::finding(format!(
            "it closed descriptor {number}, or put something else there"
        )));
    }
    match (printed.output.as_str(), printed.error.as_str()) {
        ("", "") => Ok(()),
        ("", error) => Err(Objection::warning(format!(
            "it prints to standard error: {:?}",
            start(error)
        ))),
        (output, _) => Err(Objection::finding(format!(
            "it prints to standard output: {:?}",
            start(output)
        ))),
    }
}

fn start(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Where each leads.
fn places() -> [Option<PathBuf>; 3] {
    [0, 1, 2].map(|number| fs::read_link(format!("/proc/self/fd/{number}")).ok())
}
