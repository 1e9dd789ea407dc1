use super::handshake;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::probe::Probe;
use handclasp::plugin::watch;
use rustix::fs::Mode;
use rustix::process::umask;
use std::collections::BTreeMap;
use std::{env, fs};

pub(crate) const SETTINGS: Check = Check {
    name: "process-settings",
    sentence: "It leaves the process as it is: directory, umask, locale, environment, limits, rights",
    remedy: "the host and other plugins share them: use absolute paths, fchmod, uselocale with a locale of newlocale's, \
             and variables of the plugin's own",
    needs: Some("handshake"),
    run: Run::Calling(check),
};

/// Lines of a thread's status that are somebody's decision.
const DECIDED: [(&str, &str); 8] = [
    ("Name:", "the name of the host's thread"),
    ("Umask:", "the umask"),
    ("Uid:", "the user"),
    ("Gid:", "the group"),
    ("CapEff:", "the capabilities"),
    ("NoNewPrivs:", "whether programs may gain rights"),
    ("Seccomp:", "the filter of system calls"),
    (
        "Cpus_allowed:",
        "the processors that the host's thread may use",
    ),
];

/// Columns of the name of a limit.
const LIMIT: usize = 26;

fn check(probe: &Probe) -> Checked {
    // Where most that would be set already is not what is found.
    umask(Mode::from_raw_mode(0o027));
    let _ = env::set_current_dir(&probe.directory);
    let before = settings();
    let world = handshake(probe)?;
    compare(&before, "in a handshake")?;
    drop(world);
    compare(&before, "in destroy")
}

fn compare(before: &BTreeMap<String, String>, when: &str) -> Checked {
    let after = settings();
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<_> = names
        .filter(|name| before.get(*name) != after.get(*name))
        .map(String::as_str)
        .collect();
    changed.sort_unstable();
    changed.dedup();
    match changed.is_empty() {
        true => Ok(()),
        false => Err(Objection::finding(format!(
            "{when} it changed {}",
            changed.join(", ")
        ))),
    }
}

/// What each is, by its name in a sentence. Values are not told: a variable may be a secret.
fn settings() -> BTreeMap<String, String> {
    let directory = env::current_dir()
        .map_or_else(|error| error.to_string(), |path| path.display().to_string());
    let variables = env::vars_os().map(|(name, value)| {
        let name = format!("the environment's {}", name.display());
        (name, value.to_string_lossy().into_owned())
    });
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let decided = status.lines().filter_map(|line| {
        let (_, name) = DECIDED.iter().find(|(start, _)| line.starts_with(start))?;
        Some(((*name).to_owned(), line.to_owned()))
    });
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limits = limits.lines().skip(1).filter_map(|line| {
        let (name, value) = line.split_at_checked(LIMIT)?;
        let name = name.trim().to_lowercase();
        Some((format!("the limit \"{name}\""), value.to_owned()))
    });
    [
        ("the working directory".to_owned(), directory),
        ("the locale".to_owned(), watch::locale()),
    ]
    .into_iter()
    .chain(variables)
    .chain(decided)
    .chain(limits)
    .collect()
}
