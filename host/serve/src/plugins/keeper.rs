//! What the plugin directories hold, brought to the shelf.
use super::canary::CanaryPolicy;
use super::generation::Generation;
use super::shelf::{Judged, Refused, Shelf};
use crate::news::{News, Newsroom};
use crate::trust::Trust;
use handclasp::Host;
use handclasp::plugin::{Catalogue, Found, Refusal, Stamp, is_being_written};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Looks into the directories, and loads what is new.
pub(crate) struct Keeper {
    host: Host,
    shelf: Arc<Shelf>,
    newsroom: Arc<Newsroom>,
    policy: Mutex<Policy>,
    seen: Mutex<Seen>,
}

/// What may change with the configuration.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) trust: Arc<Trust>,
    pub(crate) canary: CanaryPolicy,
}

/// What was seen the last time.
#[derive(Default)]
struct Seen {
    /// By id: the file that was looked into, as it was then.
    files: HashMap<String, (PathBuf, Option<Stamp>)>,
    /// What was told of files that no id is known of.
    refused: HashMap<PathBuf, String>,
    /// Since when the file of an id is gone.
    missing: BTreeMap<String, Instant>,
}

/// What a look into the directories came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Looked {
    /// New generations: id and number.
    pub(crate) loaded: Vec<(String, u64)>,
    /// One sentence for each file that is not used.
    pub(crate) refused: Vec<String>,
    /// Ids whose files are gone.
    pub(crate) retired: Vec<String>,
    #[serde(skip)]
    /// Whether to look again soon: a file is being written, or has just gone.
    pub(crate) again: bool,
}

/// How long a file may be gone before its plugin is: whoever replaces it by renaming may remove it first.
const GRACE: Duration = Duration::from_millis(500);

impl Keeper {
    pub(crate) fn new(
        host: Host,
        shelf: Arc<Shelf>,
        newsroom: Arc<Newsroom>,
        policy: Policy,
    ) -> Self {
        Self {
            host,
            shelf,
            newsroom,
            policy: Mutex::new(policy),
            seen: Mutex::default(),
        }
    }

    /// From now on files are judged by this. What was refused is looked at again.
    pub(crate) fn set_policy(&self, policy: Policy) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.files.clear();
        seen.refused.clear();
    }

    /// Whether a file is not as it was when it was looked into.
    pub(crate) fn has_changed(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = seen.files.values();
        files.any(|(file, stamp)| Stamp::of(file) != *stamp)
    }

    /// Looks into all directories, and loads what has changed; may take as long as that does. One look at a time.
    ///
    /// `afresh` also tries again what was refused before.
    pub(crate) fn look(&self, afresh: bool) -> Looked {
        let policy = self
            .policy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut looked = Looked::default();
        tracing::debug!("the plugin directories are looked into");
        let (catalogue, whole) = self.catalogue(&seen);
        for found in &catalogue.plugins {
            self.look_at(found, &policy, afresh, &mut seen, &mut looked);
        }
        let refused = catalogue.refused.iter();
        let refused: HashMap<_, _> = refused
            .filter(|refusal| {
                let stamp = whole.get(&refusal.file);
                stamp == Some(&Stamp::of(&refusal.file)) && !is_being_written(&refusal.file)
            })
            .map(|refusal| (refusal.file.clone(), refusal.to_string()))
            .collect();
        looked.again |= refused.len() < catalogue.refused.len();
        for (file, reason) in &refused {
            if seen.refused.get(file) != Some(reason) {
                self.newsroom.tell(News::PluginRefused {
                    id: None,
                    file: file.clone(),
                    reason: reason.clone(),
                });
            }
            looked.refused.push(reason.clone());
        }
        seen.refused = refused;
        self.retire(&catalogue.plugins, &mut seen, &mut looked);
        looked
    }

    /// What the directories hold, and of the files that are refused there those that were whole before they were read.
    fn catalogue(&self, seen: &Seen) -> (Catalogue, HashMap<PathBuf, Option<Stamp>>) {
        let catalogue = self.host.catalogue();
        let refused = catalogue.refused.iter();
        let whole = refused
            .map(|refusal| &refusal.file)
            .filter(|file| !is_being_written(file))
            .map(|file| (file.clone(), Stamp::of(file)))
            .collect();
        let is_known = |it: &Refusal| {
            seen.refused
                .get(&it.file)
                .is_some_and(|known| *known == it.to_string())
        };
        match catalogue.refused.iter().all(is_known) {
            true => (catalogue, whole),
            // One may have been closed only after it was read: it is read again.
            false => (self.host.catalogue(), whole),
        }
    }

    fn look_at(
        &self,
        found: &Found,
        policy: &Policy,
        afresh: bool,
        seen: &mut Seen,
        looked: &mut Looked,
    ) {
        let id = &*found.id;
        let known = seen.files.get(id);
        let stamp = Stamp::of(&found.path);
        if !afresh && known.is_some_and(|known| *known == (found.path.clone(), stamp)) {
            return;
        }
        if is_being_written(&found.path) {
            looked.again = true;
            return;
        }
        let copy = self.host.copy(found);
        // What was written meanwhile is looked at once it is whole.
        if is_being_written(&found.path) || Stamp::of(&found.path) != stamp {
            looked.again = true;
            return;
        }
        seen.files
            .insert(id.to_owned(), (found.path.clone(), stamp));
        let sha256 = copy.as_ref().ok().map(|copy| copy.sha256().to_owned());
        if let Some(sha256) = &sha256 {
            if self.shelf.has(id, sha256) {
                return self.shelf.back(id);
            }
            if !afresh && self.shelf.has_refused(id, sha256) {
                return;
            }
        }
        let loaded = copy.map_err(|error| error.to_string()).and_then(|copy| {
            policy
                .trust
                .check(&copy)
                .map_err(|error| error.to_string())?;
            self.host.load(copy).map_err(|error| error.to_string())
        });
        match loaded {
            Ok(plugin) => {
                let number = self.shelf.next_number(id);
                let newsroom = Arc::clone(&self.newsroom);
                let ended = move |id: &str, generation| {
                    newsroom.tell(News::GenerationEnded {
                        id: id.to_owned(),
                        generation,
                    });
                };
                let generation = Arc::new(Generation::new(number, plugin, ended));
                let news = News::GenerationLoaded {
                    id: id.to_owned(),
                    generation: number,
                    version: generation.version().to_owned(),
                    sha256: generation.sha256().to_owned(),
                    file: found.path.clone(),
                    is_canary: self.shelf.put(generation, policy.canary, Instant::now()),
                };
                self.newsroom.tell(news);
                looked.loaded.push((id.to_owned(), number));
            }
            Err(reason) => {
                let refused = Refused {
                    file: found.path.clone(),
                    sha256,
                    reason: reason.clone(),
                };
                if self.shelf.refuse(id, refused) {
                    self.newsroom.tell(News::PluginRefused {
                        id: Some(id.to_owned()),
                        file: found.path.clone(),
                        reason: reason.clone(),
                    });
                }
                looked.refused.push(reason);
            }
        }
    }

    /// Retires the plugins whose files are gone, and not with their directories: those may come back, as those of
    /// network file systems do.
    fn retire(&self, there: &[Found], seen: &mut Seen, looked: &mut Looked) {
        let now = Instant::now();
        let is_found = |id: &str| there.iter().any(|found| found.id == id);
        let gone = |(id, (file, _)): (&String, &(PathBuf, Option<Stamp>))| {
            let is_gone =
                !is_found(id) && !file.exists() && file.parent().is_some_and(Path::is_dir);
            is_gone.then(|| id.clone())
        };
        let missing: Vec<_> = seen.files.iter().filter_map(gone).collect();
        seen.missing.retain(|id, _| missing.contains(id));
        for id in missing {
            let since = *seen.missing.entry(id.clone()).or_insert(now);
            if now.duration_since(since) < GRACE {
                looked.again = true;
                continue;
            }
            seen.missing.remove(&id);
            let file = seen.files.remove(&id).map(|(file, _)| file);
            if self.shelf.retire(&id) {
                self.newsroom.tell(News::PluginRetired {
                    id: id.clone(),
                    file: file.unwrap_or_default(),
                });
                looked.retired.push(id);
            }
        }
    }

    /// Ends the trials of canaries that have come to something.
    pub(crate) fn judge(&self) {
        for judged in self.shelf.judge(Instant::now()) {
            self.newsroom.tell(match judged {
                Judged::Promoted(generation) => News::CanaryPromoted {
                    id: generation.id().to_owned(),
                    generation: generation.number,
                },
                Judged::WentBack { generation, reason } => News::CanaryWentBack {
                    id: generation.id().to_owned(),
                    generation: generation.number,
                    reason,
                },
            });
        }
    }
}
