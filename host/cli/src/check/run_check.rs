//! The child: carries out one check.
use super::definition::Run;
use super::heard::Heard;
use super::ladder::Recording;
use super::limits;
use super::notes::Notes;
use super::probe::{Probe, RunCheck};
use super::table::named;
use crate::exit::Failed;
use handclasp::plugin::end_with_parent;

impl RunCheck {
    pub(crate) fn run(self) -> Result<(), Failed> {
        end_with_parent();
        limits::apply(self.sanitized);
        let notes = Notes::create(&self.notes).map_err(Failed::new)?;
        let check = named(&self.name).ok_or_else(|| Failed::new("there is no such check"))?;
        let (run, heard, reloads) = match check.run {
            Run::Calling(run) => (run, Heard::default(), false),
            Run::Reloading(run) => (run, Heard::default(), true),
            Run::Listening(run) => (run, Heard::listening(), false),
            Run::Reading(_) => return Err(Failed::new("this check needs no process")),
        };
        let recording = Recording::create(&self.notes).map_err(Failed::new)?;
        let probe = Probe::open(&self, notes, recording, heard, reloads);
        let verdict = probe.as_ref().map_err(|(_, objection)| objection.clone());
        let verdict = verdict.and_then(run);
        let notes = match &probe {
            Ok(probe) => &probe.notes,
            Err((notes, _)) => notes,
        };
        notes.conclude(&verdict).map_err(Failed::new)
    }
}
