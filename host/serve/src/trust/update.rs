//! A new lock from what there is.
use super::entry::Entry;
use super::lock::Lock;

/// A new lock, and how it differs from the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The new one.
    pub lock: Lock,
    /// In the order of the new one; at the end what is removed.
    pub differences: Vec<Difference>,
}

/// How a plugin stands in the new lock and in the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is new.
    Added(Entry),
    /// It has another version or another digest.
    Changed {
        /// As it was.
        old: Entry,
        /// As it is.
        new: Entry,
    },
    /// It is not there any more.
    Removed(Entry),
}

impl Lock {
    /// The lock of the same file that allows `found` and nothing else. What has not changed keeps its source.
    pub fn update(&self, found: impl IntoIterator<Item = Entry>) -> Update {
        let mut entries: Vec<Entry> = Vec::new();
        for entry in found {
            if !entries.iter().any(|other| other.is_same(&entry)) {
                entries.push(entry);
            }
        }
        entries.sort_by(|a, b| (&a.id, &a.version, &a.sha256).cmp(&(&b.id, &b.version, &b.sha256)));
        let mut old = self.entries().to_vec();
        for entry in &mut entries {
            if let Some(same) = take(&mut old, |other| other.is_same(entry)) {
                entry.source = same.source;
            }
        }
        let is_new = |entry: &&Entry| !self.entries().iter().any(|other| other.is_same(entry));
        let differences = entries.iter().filter(is_new).map(|new| {
            let replaced = take(&mut old, of_version(new)).or_else(|| take(&mut old, of_file(new)));
            let new = new.clone();
            match replaced {
                Some(old) => Difference::Changed { old, new },
                None => Difference::Added(new),
            }
        });
        let mut differences: Vec<_> = differences.collect();
        differences.extend(old.into_iter().map(Difference::Removed));
        Update {
            lock: Self::new(self.file(), entries),
            differences,
        }
    }

    /// The lock of the same file that allows `added` besides. What has the id and version of one of these, or its id and
    /// source, goes.
    pub fn add(&self, added: Vec<Entry>) -> Update {
        let is_replaced = |old: &Entry| {
            let by = |new: &Entry| of_version(new)(old) || of_file(new)(old);
            added.iter().any(|new| !new.is_same(old) && by(new))
        };
        let kept = self.entries().iter().filter(|old| !is_replaced(old));
        self.update(
            kept.cloned()
                .chain(added.iter().cloned())
                .collect::<Vec<_>>(),
        )
    }
}

fn of_version(new: &Entry) -> impl Fn(&Entry) -> bool {
    move |old| (&old.id, &old.version) == (&new.id, &new.version)
}

fn of_file(new: &Entry) -> impl Fn(&Entry) -> bool {
    move |old| (&old.id, &old.source) == (&new.id, &new.source)
}

fn take(entries: &mut Vec<Entry>, is_it: impl Fn(&Entry) -> bool) -> Option<Entry> {
    let index = entries.iter().position(is_it)?;
    Some(entries.remove(index))
}

#[cfg(test)]
mod tests {
    use super::{Difference, Entry, Lock};

    fn entry(id: &str, version: &str, digit: char, source: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            version: version.to_owned(),
            sha256: String::from(digit).repeat(64),
            source: source.to_owned(),
        }
    }

    #[test]
    fn an_update_says_what_it_changes_and_keeps_sources() {
        let kept = entry("kept", "1", 'a', "bought from Example, Inc.");
        let old = [
            kept.clone(),
            entry("new-digest", "1", 'b', "text"),
            entry("new-version", "1", 'c', "/v.so"),
            entry("gone", "1", 'd', ""),
        ];
        let lock = Lock::new("plugins.lock", old.to_vec());
        let found = [
            entry("new-version", "2", 'e', "/v.so"),
            entry("kept", "1", 'a', "/kept.so"),
            entry("kept", "1", 'a', "/copy-of-kept.so"),
            entry("new-digest", "1", 'f', "/d.so"),
            entry("added", "1", '0', "/a.so"),
        ];
        let update = lock.update(found.clone());
        let [version, _, _, digest, added] = found;
        assert_eq!(
            update.lock.entries(),
            [added.clone(), kept, digest.clone(), version.clone()]
        );
        let [_, old_digest, old_version, gone] = old;
        let expected = [
            Difference::Added(added),
            Difference::Changed {
                old: old_digest,
                new: digest,
            },
            Difference::Changed {
                old: old_version,
                new: version,
            },
            Difference::Removed(gone),
        ];
        assert_eq!(update.differences, expected);
        let again = update.lock.update(update.lock.entries().to_vec());
        assert_eq!((again.lock, again.differences), (update.lock, Vec::new()));
    }

    #[test]
    fn one_is_added_and_the_others_stay() {
        let (a, b) = (entry("a", "1", 'a', "/a.so"), entry("b", "1", 'b', "text"));
        let lock = Lock::new("plugins.lock", vec![a.clone(), b.clone()]);
        let other_version = entry("a", "2", 'c', "/a-2.so");
        let update = lock.add(vec![other_version.clone()]);
        assert_eq!(update.differences, [Difference::Added(other_version)]);
        assert_eq!(update.lock.entries().len(), 3);
        let changed = entry("b", "1", 'd', "/b.so");
        let update = lock.add(vec![changed.clone(), a.clone()]);
        assert_eq!(update.lock.entries(), [a, changed.clone()]);
        let expected = Difference::Changed {
            old: b,
            new: changed,
        };
        assert_eq!(update.differences, [expected]);
    }
}
