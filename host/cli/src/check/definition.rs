//! What a check is.
use super::checks::file::Library;
use super::outcome::Checked;
use super::probe::Probe;

/// One thing that holds for a plugin that keeps the contract.
#[derive(Debug)]
pub(crate) struct Check {
    /// What it is called on the command line, in JSON and in a report.
    pub(crate) name: &'static str,
    /// What holds.
    pub(crate) sentence: &'static str,
    /// What to do if it does not; empty if what is found says so.
    pub(crate) remedy: &'static str,
    /// The check without which this one could say nothing new.
    pub(crate) needs: Option<&'static str>,
    pub(crate) run: Run,
}

/// How a check is carried out.
#[derive(Debug)]
pub(crate) enum Run {
    /// By reading the file; nothing of it runs.
    Reading(fn(&Library) -> Checked),
    /// By calling the plugin, in a process of its own.
    Calling(fn(&Probe) -> Checked),
    /// The same, once the library has been loaded and unloaded before: it stays mapped in between.
    Reloading(fn(&Probe) -> Checked),
    /// By calling it, while all that it says is kept.
    Listening(fn(&Probe) -> Checked),
}
