//! What a new configuration changes.
use super::config::Config;
use super::key::{Effect, Heading, Key, NamedTables, Section, Tables, Visitor};
use super::reader::joined;
use super::value::Value;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// What a new configuration changes; keys with their tables before them, such as `listen.port`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The keys whose new values take effect by a reload.
    pub reloaded: Vec<String>,
    /// Those whose values stay as they are until a restart.
    pub restart: Vec<NeedsRestart>,
}

/// A key whose value stays as it is until the daemon is started again; reads as one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} stays as it is, as {reason}: restart the daemon")]
pub struct NeedsRestart {
    /// The key.
    pub key: String,
    /// Why.
    pub reason: &'static str,
}

impl Changes {
    /// Whether both are the same.
    pub fn is_empty(&self) -> bool {
        self.reloaded.is_empty() && self.restart.is_empty()
    }
}

pub(super) fn between(old: &mut Config, new: &mut Config) -> Changes {
    let (old, new) = (values(old), values(new));
    let keys: BTreeMap<_, _> = old
        .iter()
        .chain(&new)
        .map(|(key, (_, effect))| (key, *effect))
        .collect();
    // A table without any value is as good as none.
    let written = |values: &Values, key: &str| {
        let (written, _) = values.get(key)?;
        written.iter().any(Option::is_some).then(|| written.clone())
    };
    let changed = keys
        .into_iter()
        .filter(|(key, _)| written(&old, key) != written(&new, key));
    let mut changes = Changes::default();
    for (key, effect) in changed {
        let key = key.clone();
        match effect {
            Effect::Reload => changes.reloaded.push(key),
            Effect::Restart(reason) => changes.restart.push(NeedsRestart { key, reason }),
        }
    }
    changes
}

/// By the paths of their keys, as they are written: several where there are several tables of one name. They are wiped,
/// as passwords are among them.
type Values = BTreeMap<String, (Vec<Option<Zeroizing<String>>>, Effect)>;

fn values(config: &mut Config) -> Values {
    let mut gathered = Gathered::default();
    config.keys(&mut gathered);
    gathered.values
}

#[derive(Default)]
struct Gathered {
    path: String,
    values: Values,
}

impl Gathered {
    fn within(&mut self, path: String, section: &mut dyn Section) {
        let outer = std::mem::replace(&mut self.path, path);
        section.keys(self);
        self.path = outer;
    }
}

impl Visitor for Gathered {
    fn key(&mut self, key: Key, value: &mut dyn Value) {
        let path = joined(&self.path, key.name);
        let (written, _) = self
            .values
            .entry(path)
            .or_insert_with(|| (Vec::new(), key.effect));
        written.push(value.write());
    }

    fn section(&mut self, heading: Heading, section: &mut dyn Section) {
        self.within(joined(&self.path, heading.name), section);
    }

    fn list(&mut self, heading: Heading, tables: &mut dyn Tables) {
        let path = joined(&self.path, heading.name);
        tables.each(&mut |section| self.within(path.clone(), section));
    }

    fn named(&mut self, heading: Heading, tables: &mut dyn NamedTables) {
        let path = joined(&self.path, heading.name);
        tables.each(&mut |name, section| self.within(joined(&path, name), section));
    }
}
