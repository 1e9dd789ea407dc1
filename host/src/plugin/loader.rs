//! From an id to a plugin that can be called.
use super::copy::{PrivateCopies, PrivateCopy};
use super::host_table::Services;
use super::load_error::Error;
use super::open::Plugin;
use super::os::{self, Stamp};
use super::scan::{Scanned, Scanner};
use super::vet::Found;
use super::{Catalogue, SearchPath};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Loads plugins, each once for as long as its file stays as it is. A file that is exchanged, or a new one
/// that comes before it on the search path, is what the next [`load`](Self::load) finds.
#[derive(Debug)]
pub struct Loader {
    path: SearchPath,
    copies: PrivateCopies,
    scanner: Scanner,
    services: Arc<Services>,
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    /// By id, as they are in their directories.
    current: HashMap<String, Current>,
    /// All that are in use, by the SHA-256 of their content: one that comes back has its image and its `load` still.
    in_use: HashMap<String, Weak<Plugin>>,
}

#[derive(Debug)]
struct Current {
    plugin: Arc<Plugin>,
    /// What there is to say of the files it was chosen from.
    choice: Option<String>,
    /// The directories searched before it was found, the file itself and those it was chosen from, as they were.
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

impl Loader {
    /// Looks for plugins on `path`, and lets `scanner` open each before this process does.
    pub fn new(path: SearchPath, services: Services, scanner: Scanner) -> Self {
        Self {
            path,
            copies: PrivateCopies::new(),
            scanner,
            services: Arc::new(services),
            loaded: Mutex::default(),
        }
    }

    /// What plugins have for as long as this is there.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Everything on the search path, without loading it.
    pub fn catalogue(&self) -> Catalogue {
        self.path.scan()
    }

    /// What a plugin says of itself.
    ///
    /// # Errors
    /// As those of [`load`](Self::load).
    pub fn inspect(&self, found: &Found) -> Result<Scanned, Error> {
        let copy = self.copies.copy(found)?;
        Ok(self.scanner.scan(&copy)?)
    }

    /// The plugin with this id, loaded if it is not.
    ///
    /// # Errors
    /// One sentence that names the file or the places searched, the cause and the remedy.
    pub fn load(&self, id: &str) -> Result<Arc<Plugin>, Error> {
        Ok(self.choose(id)?.0)
    }

    /// [`load`](Self::load), and one sentence for the user if the plugin was chosen from several files of one
    /// directory.
    ///
    /// # Errors
    /// As those of [`load`](Self::load).
    pub fn choose(&self, id: &str) -> Result<(Arc<Plugin>, Option<String>), Error> {
        if let Some(log) = &self.services.log {
            log.refresh();
        }
        // Held while loading: two streams that start at once share one plugin.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let current = loaded.current.get(id);
        if let Some(known) = current.filter(|known| known.is_unchanged()) {
            return Ok(known.chosen());
        }
        // Stamped before they are read: what changes in between is noticed the next time.
        let stamped = |path: &Path| (path.to_owned(), os::stamp(path));
        let mut seen: Vec<_> = self.path.directories().map(stamped).collect();
        let catalogue = self.path.scan();
        let found = catalogue.find(id)?;
        // What comes later on the search path does not matter: the first directory wins.
        let winner = seen
            .iter()
            .position(|(directory, _)| found.path.starts_with(directory));
        seen.truncate(winner.map_or(seen.len(), |index| index + 1));
        let same_id = [found].into_iter().chain(catalogue.passed_over(found));
        seen.extend(same_id.map(|found| stamped(&found.path)));
        let copy = self.copies.copy(found)?;
        let in_use = loaded.in_use.get(copy.sha256()).and_then(Weak::upgrade);
        let plugin = match in_use {
            Some(plugin) => plugin,
            None => self.open(&copy)?,
        };
        let weak = Arc::downgrade(&plugin);
        loaded.in_use.retain(|_, other| other.strong_count() > 0);
        loaded.in_use.insert(copy.sha256().to_owned(), weak);
        let current = Current {
            plugin,
            choice: catalogue.choice(found),
            seen,
        };
        let chosen = current.chosen();
        loaded.current.insert(id.to_owned(), current);
        Ok(chosen)
    }

    fn open(&self, copy: &PrivateCopy) -> Result<Arc<Plugin>, Error> {
        if self.scanner.is_apart() {
            self.scanner.scan(copy)?;
        }
        Ok(Plugin::open(copy, &self.services)?)
    }
}

impl Current {
    fn chosen(&self) -> (Arc<Plugin>, Option<String>) {
        (Arc::clone(&self.plugin), self.choice.clone())
    }

    fn is_unchanged(&self) -> bool {
        self.seen
            .iter()
            .all(|(path, stamp)| os::stamp(path) == *stamp)
    }
}
