//! `handclasp plugins list --explain`: each file, and why it is used or not.
use super::HEADING;
use super::usable::none_usable;
use crate::exit::Failed;
use crate::plugin_args::PluginArgs;
use crate::stdio;
use clap::Args;
use handclasp::plugin::{Catalogue, Found, PrivateCopies, PrivateCopy, Scanner};
use handclasp_serve::config::Config;
use handclasp_serve::trust::{Lock, Refused, Trust};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What is explained, and by which rules.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// For each file in the directories: whether it would be used, and why not
    #[arg(long)]
    explain: bool,
    /// By this list of plugins, as `handclasp plugins lock` writes it
    #[arg(long, value_name = "FILE", requires = "explain")]
    lock: Option<PathBuf>,
    /// By these settings of the daemon: their directories, plugins.lock, keys and signatures
    #[arg(long, value_name = "FILE", requires = "explain")]
    config: Option<PathBuf>,
}

/// One file.
struct Explained {
    file: PathBuf,
    /// Unless it is refused before it is read.
    plugin: Option<Read>,
    verdict: Verdict,
}

struct Read {
    id: String,
    version: String,
    sha256: Option<String>,
}

enum Verdict {
    Used,
    /// In one word for programs, and in one sentence.
    NotUsed(&'static str, String),
}

impl Explain {
    pub(super) fn is_asked(&self) -> bool {
        self.explain
    }

    /// # Errors
    /// What it is to be explained by cannot be read, or no plugin would be used.
    pub(super) fn run(
        &self,
        plugins: &PluginArgs,
        scanner: &Scanner,
        json: bool,
    ) -> Result<(), Failed> {
        let config = self
            .config
            .as_deref()
            .map(Config::load)
            .transpose()
            .map_err(Failed::usage)?;
        let mut trust = match &config {
            Some(config) if self.lock.is_none() => Trust::load(config).map_err(Failed::usage)?,
            Some(config) => Trust::load_keys(config).map_err(Failed::usage)?,
            None => Trust::default(),
        };
        if let Some(file) = &self.lock {
            trust.lock = Some(Lock::load(file).map_err(Failed::usage)?);
        }
        let directories = config
            .map(|config| config.plugins.directories)
            .unwrap_or_default();
        let catalogue = plugins.search_path_or(&directories)?.scan();
        let explained = explain(&catalogue, &trust, scanner);
        match json {
            true => stdio::say(as_json(&explained, &catalogue.searched)),
            false => explained.iter().for_each(print),
        }
        if explained
            .iter()
            .any(|one| matches!(one.verdict, Verdict::Used))
        {
            return Ok(());
        }
        let sentences = explained.iter().filter_map(|one| match &one.verdict {
            Verdict::Used => None,
            Verdict::NotUsed(_, sentence) => Some(sentence.clone()),
        });
        Err(none_usable(
            &sentences.collect::<Vec<_>>(),
            &catalogue.searched,
        ))
    }
}

/// Each file, in the order of the directories and of their names.
fn explain(catalogue: &Catalogue, trust: &Trust, scanner: &Scanner) -> Vec<Explained> {
    let copies = PrivateCopies::new();
    let found = |found: &Found, verdict: &dyn Fn(&PrivateCopy) -> Verdict| {
        let copy = copies.copy(found);
        let sha256 = copy.as_ref().ok().map(|copy| copy.sha256().to_owned());
        Explained {
            file: found.path.clone(),
            plugin: Some(Read {
                id: found.id.clone(),
                version: found.version.clone(),
                sha256,
            }),
            verdict: match copy {
                Ok(copy) => verdict(&copy),
                Err(error) => Verdict::NotUsed("refused", error.to_string()),
            },
        }
    };
    // What is not trusted is not opened.
    let used = |copy: &PrivateCopy| match trust.check(copy) {
        Err(refused) => Verdict::NotUsed(word(&refused), refused.to_string()),
        Ok(()) => match scanner.scan(copy) {
            Ok(_) => Verdict::Used,
            Err(error) => Verdict::NotUsed("refused", error.to_string()),
        },
    };
    let mut explained: Vec<_> = catalogue
        .plugins
        .iter()
        .map(|one| found(one, &used))
        .collect();
    for one in &catalogue.shadowed {
        let sentence = shadowed(one, &catalogue.plugins);
        explained.push(found(one, &|_| {
            Verdict::NotUsed("shadowed", sentence.clone())
        }));
    }
    explained.extend(catalogue.refused.iter().map(|refusal| Explained {
        file: refusal.file.clone(),
        plugin: None,
        verdict: Verdict::NotUsed("refused", refusal.to_string()),
    }));
    let place = |file: &Path| {
        let directory = file.parent().unwrap_or(file);
        let searched = &catalogue.searched;
        searched
            .iter()
            .position(|one| one == directory || one == file)
    };
    explained.sort_by(|a, b| (place(&a.file), &a.file).cmp(&(place(&b.file), &b.file)));
    explained
}

/// Why another file of its id comes before it.
fn shadowed(found: &Found, plugins: &[Found]) -> String {
    let file = found.path.display();
    let Some(by) = plugins.iter().find(|plugin| plugin.id == found.id) else {
        return format!("{file} is hidden by another file of the id {}", found.id);
    };
    let (before, version) = (by.path.display(), &by.version);
    match by.path.parent() == found.path.parent() {
        true => format!(
            "{file} is hidden by {before} ({version}), which is of a higher version, or newer"
        ),
        false => format!("{file} is hidden by {before} ({version}), whose directory comes first"),
    }
}

fn word(refused: &Refused) -> &'static str {
    match refused {
        Refused::Changed { .. } => "changed",
        Refused::Unlisted { .. } => "unlisted",
        Refused::NotSigned { .. } => "not_signed",
        _ => "refused",
    }
}

fn print(explained: &Explained) {
    stdio::say(format_args!(
        "{HEADING}{}{HEADING:#}",
        explained.file.display()
    ));
    if let Some(Read {
        id,
        version,
        sha256,
    }) = &explained.plugin
    {
        let digest = sha256
            .as_ref()
            .map_or(String::new(), |sha256| format!(", SHA-256 {sha256}"));
        stdio::say(format_args!("  {id} {version}{digest}"));
    }
    match &explained.verdict {
        Verdict::Used => stdio::say("  used"),
        Verdict::NotUsed(word, sentence) => {
            stdio::say(format_args!(
                "  not used, {}: {sentence}",
                word.replace('_', " ")
            ));
        }
    }
}

fn as_json(explained: &[Explained], searched: &[PathBuf]) -> Value {
    let file = |one: &Explained| {
        let plugin = one.plugin.as_ref();
        let (verdict, reason) = match &one.verdict {
            Verdict::Used => ("used", None),
            Verdict::NotUsed(word, sentence) => (*word, Some(sentence)),
        };
        json!({
            "file": one.file,
            "id": plugin.map(|plugin| &plugin.id),
            "version": plugin.map(|plugin| &plugin.version),
            "sha256": plugin.and_then(|plugin| plugin.sha256.as_ref()),
            "verdict": verdict,
            "reason": reason,
        })
    };
    let files: Vec<_> = explained.iter().map(file).collect();
    json!({"files": files, "searched": searched})
}
