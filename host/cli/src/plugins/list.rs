//! `handclasp plugins list`.
use super::explain::Explain;
use super::usable::none_usable;
use super::{HEADING, columns, options_as_json};
use crate::exit::Failed;
use crate::plugin_args::PluginArgs;
use crate::stdio;
use clap::Args;
use handclasp::plugin::{self, Catalogue, Description, Found, PrivateCopies, Scanner};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// List the plugins that can be used, those that cannot and why, and those that an earlier directory, a higher version or
/// a newer file hides.
///
/// Each library is opened and checked, in a process of its own. `verified` is the layout of a Rust plugin, whose types were compared
/// one by one; `declared` is that of any other. Exit code 3 if none can be used.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    plugins: PluginArgs,
    #[command(flatten)]
    explain: Explain,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// How long a library may take to open
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400), hide = true)]
    patience: u64,
}

struct Listing {
    usable: Vec<Description>,
    shadowed: Vec<Found>,
    refused: Vec<Refused>,
    searched: Vec<PathBuf>,
}

struct Refused {
    file: PathBuf,
    sentence: String,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failed> {
        let scanner = Scanner::this_program().with_patience(Duration::from_secs(self.patience));
        if self.explain.is_asked() {
            return self.explain.run(&self.plugins, &scanner, self.json);
        }
        let listing = Listing::of(self.plugins.search_path()?.scan(), &scanner);
        if self.json {
            stdio::say(listing.as_json());
        } else {
            listing.print();
        }
        listing.verdict()
    }
}

impl Listing {
    /// Opens what was found. What cannot be opened is refused, too.
    fn of(catalogue: Catalogue, scanner: &Scanner) -> Self {
        let refuse = |file: &Path, sentence: String| Refused {
            file: file.to_owned(),
            sentence,
        };
        let (mut usable, mut refused) = (Vec::new(), Vec::new());
        for refusal in &catalogue.refused {
            refused.push(refuse(&refusal.file, refusal.to_string()));
        }
        for (found, description) in catalogue
            .plugins
            .iter()
            .zip(scan(&catalogue.plugins, scanner))
        {
            match description {
                Ok(description) => usable.push(description),
                Err(error) => refused.push(refuse(&found.path, error.to_string())),
            }
        }
        Self {
            usable,
            shadowed: catalogue.shadowed,
            refused,
            searched: catalogue.searched,
        }
    }

    fn print(&self) {
        let mut blank = "";
        let mut section = |heading: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                stdio::say(format_args!("{blank}{HEADING}{heading}{HEADING:#}"));
                lines.iter().for_each(stdio::say);
                blank = "\n";
            }
        };
        let mut usable = self.usable_lines();
        if !usable.is_empty() {
            section(&usable.remove(0), usable);
        }
        let shadowed = self.shadowed.iter().map(|found| self.shadowed_line(found));
        section("Shadowed", shadowed.collect());
        let refused = self.refused.iter().map(|refused| refused.sentence.clone());
        section("Refused", refused.collect());
    }

    /// The heading and a line for each, or nothing.
    fn usable_lines(&self) -> Vec<String> {
        if self.usable.is_empty() {
            return Vec::new();
        }
        let heading = ["PLUGIN", "VERSION", "LAYOUT", "FILE"].map(str::to_owned);
        let row = |plugin: &Description| {
            [
                plugin.id.clone(),
                plugin.version.clone(),
                plugin.layout.as_str().to_owned(),
                plugin.file.display().to_string(),
            ]
        };
        let rows: Vec<_> = [heading]
            .into_iter()
            .chain(self.usable.iter().map(row))
            .collect();
        columns(&rows)
    }

    fn shadowed_line(&self, found: &Found) -> String {
        let Found {
            path, id, version, ..
        } = found;
        let path = path.display();
        match self.shadows(found) {
            Some(by) => format!("{path} ({id} {version}) by {}", by.display()),
            None => format!("{path} ({id} {version})"),
        }
    }

    /// What is used in its place; that one may be refused.
    fn shadows(&self, found: &Found) -> Option<&Path> {
        let by = self.usable.iter().find(|plugin| plugin.id == found.id)?;
        Some(&by.file)
    }

    fn as_json(&self) -> Value {
        let usable = self.usable.iter().map(|plugin| {
            json!({
                "id": plugin.id,
                "version": plugin.version,
                "layout": plugin.layout.as_str(),
                "file": plugin.file,
                "sha256": plugin.sha256,
                "options": options_as_json(plugin),
            })
        });
        let shadowed = self.shadowed.iter().map(|found| {
            json!({
                "id": found.id,
                "version": found.version,
                "file": found.path,
                "by": self.shadows(found),
            })
        });
        let refused = self
            .refused
            .iter()
            .map(|refused| json!({"file": refused.file, "reason": refused.sentence}));
        json!({
            "plugins": usable.collect::<Vec<_>>(),
            "shadowed": shadowed.collect::<Vec<_>>(),
            "refused": refused.collect::<Vec<_>>(),
            "searched": self.searched,
        })
    }

    /// # Errors
    /// There is no plugin to be used.
    fn verdict(&self) -> Result<(), Failed> {
        if !self.usable.is_empty() {
            return Ok(());
        }
        let refused = self.refused.iter().map(|refused| refused.sentence.clone());
        Err(none_usable(&refused.collect::<Vec<_>>(), &self.searched))
    }
}

/// What each says of itself, as many at a time as there are cores.
fn scan(plugins: &[Found], scanner: &Scanner) -> Vec<Result<Description, plugin::Error>> {
    let copies = PrivateCopies::new();
    let one = |found| -> Result<Description, plugin::Error> {
        let copy = copies.copy(found)?;
        Ok(scanner.scan(&copy)?.description)
    };
    let (next, scanned) = (
        Mutex::new(plugins.iter().enumerate()),
        Mutex::new(Vec::new()),
    );
    let work = || {
        while let Some((index, found)) = take(&next, Iterator::next) {
            let description = one(found);
            take(&scanned, |all| all.push((index, description)));
        }
    };
    // Libraries that are opened in this process are opened one at a time.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = if scanner.is_apart() { cores } else { 1 };
    thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    let mut scanned = take(&scanned, std::mem::take);
    scanned.sort_unstable_by_key(|(index, _)| *index);
    scanned
        .into_iter()
        .map(|(_, description)| description)
        .collect()
}

fn take<T, U>(shared: &Mutex<T>, act: impl FnOnce(&mut T) -> U) -> U {
    act(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}
