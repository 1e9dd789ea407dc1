//! From an id to a plugin that can be called.
use super::choice::Choice;
use super::copy::{PrivateCopies, PrivateCopy};
use super::ending;
use super::host_table::Services;
use super::load_error::Error;
use super::loading::{Chosen, Loading, Opening, Slot, Source, State};
use super::open::Plugin;
use super::scan::{Scanned, Scanner};
use super::vet::Found;
use super::{Catalogue, SearchPath};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Loads plugins, each once for as long as its file stays as it is. A file that is exchanged, or a new one
/// that comes before it on the search path, is what the next [`load`](Self::load) finds.
///
/// A library is opened on a thread of its own: only those who want this very plugin wait for it.
#[derive(Debug)]
pub struct Loader {
    path: SearchPath,
    copies: PrivateCopies,
    scanner: Scanner,
    services: Arc<Services>,
    /// By id; of those ids only that a plugin was found for.
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

impl Loader {
    /// Looks for plugins on `path`, and lets `scanner` open each before this process does.
    pub fn new(path: SearchPath, services: Services, scanner: Scanner) -> Self {
        Self {
            path,
            copies: PrivateCopies::new(),
            scanner,
            services: Arc::new(services),
            slots: Mutex::default(),
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
    /// One that is loaded, and whose file is unchanged, is there at once. Otherwise this waits until it is opened, at
    /// most twice the scanner's [patience](Scanner::with_patience): 20 s by default. Other plugins are not waited for.
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
        let until = self.begin();
        let overdue = || self.overdue(id);
        let slot = self.lock().get(id).map(Arc::clone);
        if let Some(slot) = slot {
            let state = slot.when_idle(until).ok_or_else(overdue)?;
            if let Some(known) = state.known() {
                return Ok(known);
            }
        }
        let choice = Choice::new(&self.path, id)?;
        let slot = Arc::clone(self.lock().entry(id.to_owned()).or_default());
        let state = slot.when_idle(until).ok_or_else(overdue)?;
        // Somebody else may have loaded it meanwhile.
        if let Some(known) = state.known() {
            return Ok(known);
        }
        let source = Source::Found(choice, self.copies.clone());
        self.open_source(&slot, state, until, source)
            .unwrap_or_else(|| Err(overdue()))
    }

    /// A private copy of a plugin that was found, to look at before it is [opened](Self::open).
    ///
    /// # Errors
    /// The library is refused, or is another plugin by now, or there is no room for a copy.
    pub fn copy(&self, found: &Found) -> Result<PrivateCopy, Error> {
        Ok(self.copies.copy(found)?)
    }

    /// The plugin in a private copy, which is the same for the same content as long as somebody has it. This waits as
    /// [`load`](Self::load) does, which does not know of it.
    ///
    /// # Errors
    /// One sentence that names the file, the cause and the remedy.
    pub fn open(&self, copy: PrivateCopy) -> Result<Arc<Plugin>, Error> {
        let until = self.begin();
        let id = copy.plugin().id.clone();
        let slot = Arc::clone(self.lock().entry(id.clone()).or_default());
        let opened = slot.when_idle(until).and_then(|state| {
            if let Some(known) = state.in_use(copy.sha256()) {
                return Some(Ok(known));
            }
            let opened = self.open_source(&slot, state, until, Source::Copy(copy))?;
            Some(opened.map(|(plugin, _)| plugin))
        });
        opened.unwrap_or_else(|| Err(self.overdue(&id)))
    }

    fn open_source(
        &self,
        slot: &Arc<Slot>,
        state: MutexGuard<'_, State>,
        until: Instant,
        source: Source,
    ) -> Option<Result<Chosen, Error>> {
        let loading = Loading {
            opening: Opening::begin(slot, state, until),
            source,
            scanner: self.scanner.clone(),
            services: Arc::clone(&self.services),
        };
        loading.run_until(until)
    }

    /// Until when whoever wants a plugin waits for it.
    fn begin(&self) -> Instant {
        ending::note_main_thread();
        if let Some(log) = &self.services.log {
            log.refresh();
        }
        Instant::now() + self.limit()
    }

    /// It may take the scanner's patience there, and as long here.
    fn limit(&self) -> Duration {
        2 * self.scanner.patience()
    }

    fn overdue(&self, id: &str) -> Error {
        Error::Overdue {
            plugin: id.to_owned(),
            seconds: self.limit().as_secs_f64(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
