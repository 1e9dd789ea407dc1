//! The generations that are in use, by the ids of their plugins.
use super::canary::{CanaryPolicy, Trial, Verdict};
use super::generation::Generation;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Instant, SystemTime};

/// What opens take their plugins from.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    slots: Mutex<BTreeMap<String, Slot>>,
}

/// The plugin of one id.
#[derive(Debug, Default)]
struct Slot {
    /// What opens get; none once its file is gone.
    current: Option<Arc<Generation>>,
    canary: Option<(Arc<Generation>, Trial)>,
    /// All that may still run.
    generations: Vec<Weak<Generation>>,
    last: u64,
    quarantine: Option<Quarantine>,
    /// Where it was, if its file is gone.
    retired: Option<PathBuf>,
    /// What last failed to become a generation, by the SHA-256 of its content.
    refused: Option<Refused>,
}

/// Why an operator has an id refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quarantine {
    pub(crate) reason: String,
    pub(crate) since: SystemTime,
}

/// A file that did not become a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) file: PathBuf,
    /// As far as it was read.
    pub(crate) sha256: Option<String>,
    pub(crate) reason: String,
}

/// Why there is no generation for an open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("no plugin `{id}`: {}", instead(available))]
    Unknown { id: String, available: Vec<String> },
    #[error("plugin `{id}` was removed from {}: put it back, or name another one", file.display())]
    Retired { id: String, file: PathBuf },
    #[error("plugin `{id}` is in quarantine ({reason}): `handclasp ctl release {id}` ends that")]
    Quarantined { id: String, reason: String },
    #[error("plugin `{id}` cannot be used: {reason}")]
    Refused { id: String, reason: String },
}

fn instead(available: &[String]) -> String {
    match available {
        [] => "there is none; put one into a plugin directory".to_owned(),
        available => format!("there are {}", available.join(", ")),
    }
}

/// What the trial of a canary came to.
#[derive(Debug)]
pub(crate) enum Judged {
    Promoted(Arc<Generation>),
    WentBack {
        generation: Arc<Generation>,
        reason: String,
    },
}

/// One id, as operators see it.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) id: String,
    pub(crate) current: Option<Arc<Generation>>,
    pub(crate) canary: Option<Arc<Generation>>,
    /// Others that still have streams.
    pub(crate) draining: Vec<Arc<Generation>>,
    pub(crate) quarantine: Option<Quarantine>,
    pub(crate) retired: Option<PathBuf>,
    pub(crate) refused: Option<Refused>,
}

impl Status {
    /// All generations of it that have not ended.
    pub(crate) fn generations(&self) -> impl Iterator<Item = &Arc<Generation>> {
        let new = self.current.iter().chain(&self.canary);
        new.chain(&self.draining)
    }
}

impl Shelf {
    /// The generation that the next stream of this id gets.
    pub(crate) fn choose(&self, id: &str) -> Result<Arc<Generation>, Unavailable> {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(id) else {
            return Err(Unavailable::Unknown {
                id: id.to_owned(),
                available: slots.keys().cloned().collect(),
            });
        };
        if let Some(Quarantine { reason, .. }) = &slot.quarantine {
            return Err(Unavailable::Quarantined {
                id: id.to_owned(),
                reason: reason.clone(),
            });
        }
        if let Some((generation, trial)) = &mut slot.canary
            && trial.takes_next()
        {
            return Ok(Arc::clone(generation));
        }
        if let Some(current) = &slot.current {
            return Ok(Arc::clone(current));
        }
        let id = id.to_owned();
        Err(match (&slot.retired, &slot.refused) {
            (Some(file), _) => Unavailable::Retired {
                id,
                file: file.clone(),
            },
            (None, Some(Refused { reason, .. })) => Unavailable::Refused {
                id,
                reason: reason.clone(),
            },
            (None, None) => Unavailable::Unknown {
                id,
                available: Vec::new(),
            },
        })
    }

    /// The number of the next generation of this id.
    pub(crate) fn next_number(&self, id: &str) -> u64 {
        let mut slots = self.lock();
        let slot = slots.entry(id.to_owned()).or_default();
        slot.last += 1;
        slot.last
    }

    /// Whether opens of this id get this content, or are to be tried with it.
    pub(crate) fn has(&self, id: &str, sha256: &str) -> bool {
        let slots = self.lock();
        let Some(slot) = slots.get(id) else {
            return false;
        };
        let canary = slot.canary.as_ref().map(|(generation, _)| generation);
        canary
            .or(slot.current.as_ref())
            .is_some_and(|generation| generation.sha256() == sha256)
    }

    /// Whether this content has failed to become a generation of this id before.
    pub(crate) fn has_refused(&self, id: &str, sha256: &str) -> bool {
        let slots = self.lock();
        let refused = slots.get(id).and_then(|slot| slot.refused.as_ref());
        refused.is_some_and(|refused| refused.sha256.as_deref() == Some(sha256))
    }

    /// The plugin's file is there, as it was when it last became a generation or failed to.
    pub(crate) fn back(&self, id: &str) {
        if let Some(slot) = self.lock().get_mut(id) {
            slot.retired = None;
        }
    }

    /// A new generation: it takes all opens from now on, or a share of them. Returns whether it is tried first.
    pub(crate) fn put(
        &self,
        generation: Arc<Generation>,
        policy: CanaryPolicy,
        now: Instant,
    ) -> bool {
        let mut slots = self.lock();
        let slot = slots.entry(generation.id().to_owned()).or_default();
        slot.generations.retain(|known| known.strong_count() > 0);
        slot.generations.push(Arc::downgrade(&generation));
        (slot.retired, slot.refused) = (None, None);
        let replaced = match &slot.current {
            Some(current) if policy.share < 1.0 && current.sha256() != generation.sha256() => {
                let trial = Trial::new(policy, now, current.tally());
                let last = slot.canary.replace((generation, trial));
                drop(slots);
                drop(last);
                return true;
            }
            _ => (slot.canary.take(), slot.current.replace(generation)),
        };
        drop(slots);
        drop(replaced); // whose end is told
        false
    }

    /// What a file failed with. Returns whether that is new.
    pub(crate) fn refuse(&self, id: &str, refused: Refused) -> bool {
        let mut slots = self.lock();
        let slot = slots.entry(id.to_owned()).or_default();
        let is_new = slot.refused.as_ref() != Some(&refused);
        slot.refused = Some(refused);
        is_new
    }

    /// The id's file is gone: it is not for new streams any more. Returns whether it was until now.
    pub(crate) fn retire(&self, id: &str) -> bool {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(id) else {
            return false;
        };
        slot.refused = None;
        let (current, canary) = (slot.current.take(), slot.canary.take());
        if let Some(current) = &current {
            slot.retired = Some(current.file.clone());
        }
        drop(slots);
        drop(canary);
        current.is_some()
    }

    /// An open of the id is refused until it is released. Returns whether there is such a plugin.
    pub(crate) fn quarantine(&self, id: &str, reason: String) -> bool {
        let mut slots = self.lock();
        let slot = slots.get_mut(id);
        let is_there = slot.is_some();
        if let Some(slot) = slot {
            let since = SystemTime::now();
            slot.quarantine = Some(Quarantine { reason, since });
        }
        is_there
    }

    /// Returns whether it was in quarantine.
    pub(crate) fn release(&self, id: &str) -> bool {
        let mut slots = self.lock();
        let slot = slots.get_mut(id);
        slot.is_some_and(|slot| slot.quarantine.take().is_some())
    }

    /// Judges the canaries.
    pub(crate) fn judge(&self, now: Instant) -> Vec<Judged> {
        let mut slots = self.lock();
        let mut judged = Vec::new();
        let mut replaced = Vec::new();
        for slot in slots.values_mut() {
            let Some((generation, trial)) = &slot.canary else {
                continue;
            };
            let old = slot.current.as_ref().map(|old| old.tally());
            match trial.judge(now, generation.tally(), old.unwrap_or_default()) {
                Verdict::Wait => {}
                Verdict::Promote => {
                    let generation = Arc::clone(generation);
                    slot.canary = None;
                    replaced.extend(slot.current.replace(Arc::clone(&generation)));
                    judged.push(Judged::Promoted(generation));
                }
                Verdict::GoBack { new, old } => {
                    let generation = Arc::clone(generation);
                    slot.canary = None;
                    let reason = format!(
                        "{new:.0} % of its streams failed, and {old:.0} % of those of the generation before it"
                    );
                    slot.refused = Some(Refused {
                        file: generation.file.clone(),
                        sha256: Some(generation.sha256().to_owned()),
                        reason: format!("it was tried and went back: {reason}"),
                    });
                    judged.push(Judged::WentBack { generation, reason });
                }
            }
        }
        drop(slots);
        drop(replaced);
        judged
    }

    /// How many streams of this id run, of all its generations.
    pub(crate) fn running(&self, id: &str) -> usize {
        let slots = self.lock();
        let generations = slots.get(id).into_iter().flat_map(|slot| &slot.generations);
        let all: Vec<_> = generations.filter_map(Weak::upgrade).collect();
        drop(slots);
        all.iter().map(|generation| generation.running()).sum()
    }

    /// All ids there are.
    pub(crate) fn status(&self) -> Vec<Status> {
        let slots = self.lock();
        let status = slots.iter().map(|(id, slot)| {
            let canary = slot
                .canary
                .as_ref()
                .map(|(generation, _)| Arc::clone(generation));
            let is_old = |generation: &Arc<Generation>| {
                let mut new = slot.current.iter().chain(&canary);
                !new.any(|other| Arc::ptr_eq(other, generation))
            };
            let all = slot.generations.iter().filter_map(Weak::upgrade);
            Status {
                id: id.clone(),
                current: slot.current.clone(),
                draining: all.filter(is_old).collect(),
                canary,
                quarantine: slot.quarantine.clone(),
                retired: slot.retired.clone(),
                refused: slot.refused.clone(),
            }
        });
        status.collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        // No code that could panic runs under this lock, nor a plugin's.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
