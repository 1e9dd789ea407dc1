//! `plugins.lock`: the plugins that may be used, by the SHA-256 of their files.
use super::entry::Entry;
use super::lock_error::{LockError, NotWritten};
use super::refused::{LookedUp, Refused};
use crate::config::position;
use handclasp::files::{self, Directory};
use handclasp::plugin::{Found, PrivateCopy};
use serde::Deserialize;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The plugins that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    file: PathBuf,
    entries: Vec<Entry>,
}

/// What stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(default)]
    plugin: Vec<Spanned<Entry>>,
}

/// Most plugins in it.
const MOST: usize = 4096;

const HEADING: &str =
    "# The plugins that may be used. `handclasp plugins lock` writes this file.\n";

impl Lock {
    /// A lock that allows these, for `file`, which is not read.
    pub fn new(file: impl Into<PathBuf>, entries: Vec<Entry>) -> Self {
        Self {
            file: file.into(),
            entries,
        }
    }

    /// Reads a lock, which must belong to root or to this user, and which others cannot change.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn load(file: &Path) -> Result<Self, LockError> {
        let read = |error| LockError::Read {
            file: file.to_owned(),
            error,
        };
        let bytes = files::read(file).map_err(read)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(io::Error::other)
            .map_err(read)?;
        Self::parse(text, file)
    }

    /// The same; `None` if there is no such file.
    ///
    /// # Errors
    /// As those of [`load`](Self::load).
    pub fn load_if_there(file: &Path) -> Result<Option<Self>, LockError> {
        match Self::load(file) {
            Err(LockError::Read { error, .. }) if error.kind() == ErrorKind::NotFound => Ok(None),
            loaded => loaded.map(Some),
        }
    }

    /// Reads the text of a lock, which is in `file`.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str, file: &Path) -> Result<Self, LockError> {
        let wrong = |offset, reason: String| LockError::Contents {
            file: file.to_owned(),
            line: position(text, offset).line,
            reason,
        };
        let contents: Contents = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            wrong(offset, error.message().to_owned())
        })?;
        if contents.plugin.len() > MOST {
            return Err(wrong(
                0,
                format!(
                    "it has {} plugins, and at most {MOST} are allowed",
                    contents.plugin.len()
                ),
            ));
        }
        for entry in &contents.plugin {
            entry
                .get_ref()
                .check()
                .map_err(|reason| wrong(entry.span().start, reason))?;
        }
        let entries = contents.plugin.into_iter().map(Spanned::into_inner);
        Ok(Self::new(file, entries.collect()))
    }

    /// Where it is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What it allows.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether this plugin may be used.
    ///
    /// # Errors
    /// It is not listed, or its file has changed; the sentence has the digests, and what to do.
    pub fn check(&self, id: &str, version: &str, sha256: &str) -> Result<(), Refused> {
        self.check_file(id, version, sha256, None)
    }

    /// The same of a plugin that is about to be loaded, with its file in the sentence.
    ///
    /// # Errors
    /// As those of [`check`](Self::check).
    pub fn check_copy(&self, copy: &PrivateCopy) -> Result<(), Refused> {
        let Found {
            path, id, version, ..
        } = copy.plugin();
        self.check_file(id, version, copy.sha256(), Some(path))
    }

    fn check_file(
        &self,
        id: &str,
        version: &str,
        sha256: &str,
        file: Option<&Path>,
    ) -> Result<(), Refused> {
        let is_of_version = |entry: &&Entry| (&*entry.id, &*entry.version) == (id, version);
        let digests = self.entries.iter().filter(is_of_version);
        let listed: Vec<_> = digests.map(|entry| entry.sha256.clone()).collect();
        if listed.iter().any(|digest| digest == sha256) {
            return Ok(());
        }
        let plugin = Box::new(LookedUp {
            id: id.to_owned(),
            version: version.to_owned(),
            sha256: sha256.to_owned(),
            lock: self.file.clone(),
            file: file.map(Path::to_owned),
        });
        Err(match listed.is_empty() {
            true => Refused::Unlisted { plugin },
            false => Refused::Changed { plugin, listed },
        })
    }

    /// As it stands in the file.
    pub fn to_text(&self) -> String {
        let mut text = HEADING.to_owned();
        for Entry {
            id,
            version,
            sha256,
            source,
        } in &self.entries
        {
            text.push_str("\n[[plugin]]\n");
            let fields = [
                ("id", id),
                ("version", version),
                ("sha256", sha256),
                ("source", source),
            ];
            for (key, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
                let value = toml::Value::from(value.as_str());
                writeln!(text, "{key} = {value}").expect("a text takes everything");
            }
        }
        text
    }

    /// Writes it, in place of what has its name, be it a link: whoever reads it meanwhile has the old or the new one,
    /// and never a part. Others may read it, as a daemon of another user must, and only its owner can change it.
    ///
    /// # Errors
    /// The directory is another user's, or the system refuses.
    pub fn write(&self) -> Result<(), NotWritten> {
        let written = || -> io::Result<()> {
            let name = self.file.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| io::Error::other("it has no name in UTF-8"))?;
            let parent = self
                .file
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let directory = std::path::absolute(parent.unwrap_or(Path::new(".")))?;
            Directory::make(&directory)?.replace(name, self.to_text().as_bytes())
        };
        written().map_err(|error| NotWritten {
            file: self.file.clone(),
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Lock};
    use proptest::prelude::*;
    use std::path::Path;

    const FILE: &str = "/etc/handclasp/plugins.lock";

    fn entry(id: &str, version: &str, digit: char) -> Entry {
        Entry {
            id: id.to_owned(),
            version: version.to_owned(),
            sha256: String::from(digit).repeat(64),
            source: "a \"source\"\n\\".to_owned(),
        }
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        let no_source = Entry {
            source: String::new(),
            ..entry("c", "1", 'c')
        };
        let lock = Lock::new(
            FILE,
            vec![entry("a", "1.0", 'a'), entry("b", "2", 'b'), no_source],
        );
        let read = Lock::parse(&lock.to_text(), Path::new(FILE)).expect("it is one");
        assert_eq!(read, lock);
        let empty = Lock::new(FILE, Vec::new());
        assert_eq!(
            Lock::parse(&empty.to_text(), Path::new(FILE)).expect("it is one"),
            empty
        );
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let lock = Lock::new(FILE, vec![entry("a", "1.0", 'a'), entry("a", "1.1", 'b')]);
        let check = |id, version, digit: char| {
            let checked = lock.check(id, version, &String::from(digit).repeat(64));
            checked.map_err(|refused| refused.to_string())
        };
        assert_eq!(check("a", "1.0", 'a'), Ok(()));
        assert_eq!(check("a", "1.1", 'b'), Ok(()));
        let (a, c) = ("a".repeat(64), "c".repeat(64));
        let changed = format!(
            "plugin a 1.0 has changed: its SHA-256 is {c}, and {FILE} lists {a}; put the listed file back, or if the new \
             one is meant, list it with `handclasp plugins lock --add FILE --output {FILE}`"
        );
        assert_eq!(check("a", "1.0", 'c'), Err(changed));
        let unlisted = format!(
            "plugin a 2.0 with the SHA-256 {a} is not in {FILE}: if it is meant, list it with `handclasp plugins lock --add \
             FILE --output {FILE}`"
        );
        assert_eq!(check("a", "2.0", 'a'), Err(unlisted));
        assert!(check("b", "1.0", 'a').is_err());
    }

    #[test]
    fn what_is_no_lock_is_told_with_its_line() {
        let digest = "0".repeat(64);
        for (text, line, reason) in [
            (
                "[[plugin]]\nid = \"a\"\n".to_owned(),
                1,
                "missing field `version`",
            ),
            (
                format!("\n[[plugin]]\nid = \"A\"\nversion = \"1\"\nsha256 = \"{digest}\"\n"),
                2,
                "its `id` is none",
            ),
            (
                "[[plugin]]\nid = \"a\"\nversion = \"1\"\nsha256 = \"0\"\n".to_owned(),
                1,
                "the `sha256` of a is none",
            ),
            ("[[plugins]]\n".to_owned(), 1, "unknown field `plugins`"),
            ("\n= 1\n".to_owned(), 2, ""),
        ] {
            let error = Lock::parse(&text, Path::new(FILE))
                .expect_err("it is none")
                .to_string();
            assert!(
                error.starts_with(&format!("{FILE}:{line}: this is no list of plugins (")),
                "{error}"
            );
            assert!(error.contains(reason) && !error.contains('\n'), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_is_written_in_place_of_a_link_and_not_through_it() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let (file, target) = (
            directory.path().join("plugins.lock"),
            directory.path().join("target"),
        );
        std::fs::write(&target, "mine").expect("it is ours");
        symlink(&target, &file).expect("it is ours");
        let lock = Lock::new(&file, vec![entry("a", "1", 'a')]);
        lock.write().expect("the directory is ours");
        lock.write().expect("it may be written again");
        assert_eq!(
            std::fs::read_to_string(&target).expect("it is there"),
            "mine"
        );
        assert_eq!(Lock::load(&file).expect("it was just written"), lock);
        let metadata = file.symlink_metadata().expect("it is there");
        assert_eq!(
            (metadata.is_file(), metadata.permissions().mode() & 0o7777),
            (true, 0o644)
        );
        let names = directory.path().read_dir().expect("it is ours").count();
        assert_eq!(names, 2, "nothing is left behind");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o646)).expect("it is ours");
        let error = Lock::load(&file)
            .expect_err("others can change it")
            .to_string();
        assert!(error.contains("others may change it"), "{error}");
        let missing = directory.path().join("missing");
        assert!(Lock::load_if_there(&missing).is_ok_and(|lock| lock.is_none()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_panics(text in "(\\[\\[plugin\\]\\]\n)?[\\[\\]{}=.\"'a-z\n0-9]{0,80}") {
            let _ = Lock::parse(&text, Path::new(FILE));
        }
    }
}
