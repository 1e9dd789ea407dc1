//! What a shell offers behind what was typed: it asks this program, which knows the plugins there are.
use clap::Command;
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::Shells;
use handclasp::plugin::SearchPath;
use std::ffi::OsStr;
use std::io;

/// By this variable a shell's script asks.
const VARIABLE: &str = "HANDCLASP_COMPLETE";

/// Answers a shell and ends, if one asks. To be called first of all.
pub(super) fn answer(command: fn() -> Command) {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

/// The script by which `shell` asks the command `name` on the PATH.
pub(super) fn script(shell: &str, name: &str) -> io::Result<Vec<u8>> {
    let completer = Shells::builtins();
    let completer = completer.completer(shell).expect("the shell is known");
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, name, name, name, &mut script)?;
    Ok(script)
}

/// Completes a plugin's id.
pub(super) fn plugin_id() -> ArgValueCompleter {
    ArgValueCompleter::new(plugin_ids)
}

/// Completes the name of a stream of the running daemon's.
#[cfg(unix)]
pub(super) fn stream_name() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let names = super::ctl::stream_names();
        let typed = typed.to_str().unwrap_or_default();
        let known = names.iter().filter(|name| name.starts_with(typed));
        known.map(CompletionCandidate::new).collect()
    })
}

/// Completes a plugin's id, or a file.
pub(super) fn plugin_id_or_file() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let mut offered = plugin_ids(typed);
        offered.extend(PathCompleter::any().complete(typed));
        offered
    })
}

/// The ids that begin so, of what is found without `--plugin-dir`.
fn plugin_ids(typed: &OsStr) -> Vec<CompletionCandidate> {
    let (Some(typed), Ok(path)) = (typed.to_str(), SearchPath::from_dirs(Vec::new())) else {
        return Vec::new();
    };
    let catalogue = path.scan();
    let found = catalogue
        .plugins
        .iter()
        .filter(|one| one.id.starts_with(typed));
    found.map(|one| CompletionCandidate::new(&one.id)).collect()
}
