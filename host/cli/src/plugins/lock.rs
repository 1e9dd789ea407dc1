//! `handclasp plugins lock`.
use super::usable::none_usable;
use crate::exit::Failed;
use crate::plugin_args::PluginArgs;
use crate::stdio;
use clap::Args;
use handclasp::counted;
use handclasp::plugin::{self, Found, PrivateCopies, vet};
use handclasp_serve::trust::{self, Difference, Entry, Update};
use serde_json::{Value, json};
use std::path::PathBuf;

/// List the plugins in the directories, by the SHA-256 of their files, in a file by which the daemon then uses these and
/// no others.
///
/// No plugin is opened. One that is listed already keeps its `source` in the file, which may be any text; one that is
/// not there any more is removed. Exit code 3 if there is no plugin.
#[derive(Debug, Args)]
pub(super) struct Lock {
    #[command(flatten)]
    plugins: PluginArgs,
    /// List this file beside what is listed, and look into no directory (repeatable)
    #[arg(long = "add", value_name = "FILE", conflicts_with = "directories")]
    files: Vec<PathBuf>,
    /// The list, which is replaced at once or not at all
    #[arg(long, value_name = "FILE", default_value = "plugins.lock")]
    output: PathBuf,
    /// Change nothing: say what would be changed, with exit code 1 if anything would
    #[arg(long)]
    check: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Lock {
    pub(super) fn run(self) -> Result<(), Failed> {
        let old = trust::Lock::load_if_there(&self.output).map_err(Failed::new)?;
        let is_new = old.is_none();
        let old = old.unwrap_or_else(|| trust::Lock::new(&self.output, Vec::new()));
        let (update, refused) = match self.files.is_empty() {
            true => self.update(&old)?,
            false => (old.add(self.added()?), Vec::new()),
        };
        let is_changed = is_new || update.lock != old;
        if is_changed && !self.check {
            update.lock.write().map_err(Failed::new)?;
        }
        match self.json {
            true => stdio::say(self.as_json(&update, &refused, is_changed)),
            false => self.print(&update, &refused),
        }
        match self.check && is_changed {
            true => Err(Failed::new(format!(
                "{} is not up to date: without --check this command writes it",
                self.output.display()
            ))),
            false => Ok(()),
        }
    }

    /// A lock of all that is in the directories, and why other files are refused. Those that others hide are listed, too:
    /// they are used once these are removed.
    fn update(&self, old: &trust::Lock) -> Result<(Update, Vec<String>), Failed> {
        let catalogue = self.plugins.search_path()?.scan();
        let refused: Vec<String> = catalogue.refused.iter().map(ToString::to_string).collect();
        let entries = entries(catalogue.plugins.iter().chain(&catalogue.shadowed))?;
        match entries.is_empty() {
            true => Err(none_usable(&refused, &catalogue.searched)),
            false => Ok((old.update(entries), refused)),
        }
    }

    fn added(&self) -> Result<Vec<Entry>, Failed> {
        let found = self.files.iter().map(|file| vet(file));
        let found: Vec<_> = found
            .collect::<Result<_, _>>()
            .map_err(plugin::Error::from)?;
        Ok(entries(&found)?)
    }

    fn print(&self, update: &Update, refused: &[String]) {
        let (mut added, mut changed, mut removed) = (0, 0, 0);
        for difference in &update.differences {
            match difference {
                Difference::Added(new) => {
                    added += 1;
                    stdio::say(format_args!("added    {}, {}", named(new), new.source));
                }
                Difference::Changed { old, new } => {
                    changed += 1;
                    stdio::say(format_args!("changed  {}, was {}", named(new), named(old)));
                }
                Difference::Removed(old) => {
                    removed += 1;
                    stdio::say(format_args!("removed  {}, {}", named(old), old.source));
                }
            }
        }
        for sentence in refused {
            stdio::say(format_args!("refused  {sentence}"));
        }
        let would = if self.check { "would list" } else { "lists" };
        stdio::say(format_args!(
            "{} {would} {}: {added} added, {changed} changed, {removed} removed",
            self.output.display(),
            counted(update.lock.entries().len() as u64, "plugin")
        ));
    }

    fn as_json(&self, update: &Update, refused: &[String], is_changed: bool) -> Value {
        let (mut added, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for difference in &update.differences {
            match difference {
                Difference::Added(new) => added.push(as_json(new)),
                Difference::Changed { old, new } => {
                    changed.push(json!({"old": as_json(old), "new": as_json(new)}));
                }
                Difference::Removed(old) => removed.push(as_json(old)),
            }
        }
        let plugins: Vec<_> = update.lock.entries().iter().map(as_json).collect();
        json!({
            "file": self.output,
            "up_to_date": !is_changed,
            "plugins": plugins,
            "added": added,
            "changed": changed,
            "removed": removed,
            "refused": refused,
        })
    }
}

/// Each by its private copy, as it would be loaded.
fn entries<'a>(found: impl IntoIterator<Item = &'a Found>) -> Result<Vec<Entry>, plugin::Error> {
    let copies = PrivateCopies::new();
    let entry = |found| Ok(Entry::of(&copies.copy(found)?));
    found.into_iter().map(entry).collect()
}

fn named(entry: &Entry) -> String {
    let Entry {
        id,
        version,
        sha256,
        ..
    } = entry;
    format!("{id} {version}, SHA-256 {sha256}")
}

fn as_json(entry: &Entry) -> Value {
    let Entry {
        id,
        version,
        sha256,
        source,
    } = entry;
    json!({"id": id, "version": version, "sha256": sha256, "source": source})
}
