//! From an id to a plugin that can be called.
use super::copy::{PrivateCopies, PrivateCopy};
use super::host_table::Services;
use super::load_error::Error;
use super::open::Plugin;
use super::os::{self, Stamp};
use super::scan::{Scanned, Scanner};
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
    /// The directories searched before it was found, and the file itself, as they were.
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

    /// What the plugin with this id says of itself.
    ///
    /// # Errors
    /// As those of [`load`](Self::load).
    pub fn inspect(&self, id: &str) -> Result<Scanned, Error> {
        let catalogue = self.path.scan();
        let copy = self.copies.copy(catalogue.find(id)?)?;
        Ok(self.scanner.scan(&copy)?)
    }

    /// The plugin with this id, loaded if it is not.
    ///
    /// # Errors
    /// One sentence that names the file or the places searched, the cause and the remedy.
    pub fn load(&self, id: &str) -> Result<Arc<Plugin>, Error> {
        if let Some(log) = &self.services.log {
            log.refresh();
        }
        // Held while loading: two streams that start at once share one plugin.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let current = loaded.current.get(id);
        if let Some(known) = current.filter(|known| known.is_unchanged()) {
            return Ok(Arc::clone(&known.plugin));
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
        seen.push(stamped(&found.path));
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
            plugin: Arc::clone(&plugin),
            seen,
        };
        loaded.current.insert(id.to_owned(), current);
        Ok(plugin)
    }

    fn open(&self, copy: &PrivateCopy) -> Result<Arc<Plugin>, Error> {
        if self.scanner.is_apart() {
            self.scanner.scan(copy)?;
        }
        Ok(Plugin::open(copy, &self.services)?)
    }
}

impl Current {
    fn is_unchanged(&self) -> bool {
        self.seen
            .iter()
            .all(|(path, stamp)| os::stamp(path) == *stamp)
    }
}
