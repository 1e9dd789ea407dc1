//! From an id to a plugin that can be called.
use super::copy::{CopyError, PrivateCopies};
use super::error::Error;
use super::host_table::Services;
use super::open::Plugin;
use super::os::{self, Stamp};
use super::{Catalogue, SearchPath};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Loads plugins, each once for as long as its file stays as it is. A file that is exchanged, or a new one
/// that comes before it on the search path, is what the next [`load`](Self::load) finds.
#[derive(Debug)]
pub struct Loader {
    path: SearchPath,
    copies: PrivateCopies,
    services: Arc<Services>,
    loaded: Mutex<HashMap<String, Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    plugin: Arc<Plugin>,
    /// The directories searched before it was found, and the file itself, as they were.
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

impl Loader {
    /// # Errors
    /// There is no place for private copies.
    pub fn new(path: SearchPath, services: Services) -> Result<Self, CopyError> {
        let copies = PrivateCopies::new()?;
        Ok(Self {
            path,
            copies,
            services: Arc::new(services),
            loaded: Mutex::default(),
        })
    }

    /// Everything on the search path, without loading it.
    pub fn catalogue(&self) -> Catalogue {
        self.path.scan()
    }

    /// The plugin with this id, loaded if it is not.
    ///
    /// # Errors
    /// One sentence that names the file or the places searched, the cause and the remedy.
    pub fn load(&self, id: &str) -> Result<Arc<Plugin>, Error> {
        // Held while loading: two streams that start at once share one plugin.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = loaded.get(id).filter(|known| known.is_unchanged()) {
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
        let plugin = Plugin::open(&copy, Arc::clone(&self.services))?;
        loaded.insert(
            id.to_owned(),
            Loaded {
                plugin: Arc::clone(&plugin),
                seen,
            },
        );
        Ok(plugin)
    }
}

impl Loaded {
    fn is_unchanged(&self) -> bool {
        self.seen
            .iter()
            .all(|(path, stamp)| os::stamp(path) == *stamp)
    }
}
