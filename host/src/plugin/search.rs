//! Where plugins are looked for.
use std::env;
use std::env::consts::DLL_EXTENSION;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::catalogue::{Catalogue, FindError};
use super::executable::executable;
use super::os;
use super::vet_error::{Refusal, VetError};

/// The environment variable with a list of directories, searched before all but those that the caller names.
pub const PLUGIN_PATH: &str = "HANDCLASP_PLUGIN_PATH";

/// The directories plugins are looked for in, the first first.
#[derive(Clone, Debug)]
pub struct SearchPath {
    directories: Vec<SearchDir>,
}

/// Who has named a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedBy {
    /// Whoever called [`SearchPath::from_dirs`].
    Caller,
    /// The environment variable [`PLUGIN_PATH`].
    Environment,
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "what is given to SearchPath::from_dirs",
            Self::Environment => PLUGIN_PATH,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SearchDir {
    directory: PathBuf,
    /// Someone wrote its name: it must be there.
    named: bool,
}

impl SearchPath {
    /// The directories given. If there are none: those in `HANDCLASP_PLUGIN_PATH`,
    /// `plugins/` beside the executable, the user's, the one of the prefix that the executable is installed
    /// below, and the system's.
    ///
    /// # Errors
    /// [`FindError::Directory`] for a directory that was named, by the caller or in the variable, and is
    /// not there.
    pub fn from_dirs(explicit: Vec<PathBuf>) -> Result<Self, FindError> {
        Self::new(explicit, env::var_os(PLUGIN_PATH), executable())
    }

    /// [`from_dirs`](Self::from_dirs) in an environment that is passed in.
    pub(super) fn new(
        explicit: Vec<PathBuf>,
        variable: Option<OsString>,
        executable: Option<PathBuf>,
    ) -> Result<Self, FindError> {
        let mut path = Self {
            directories: Vec::new(),
        };
        if !explicit.is_empty() {
            path.add_named(explicit, NamedBy::Caller)?;
            return Ok(path);
        }
        let listed = env::split_paths(variable.as_deref().unwrap_or(OsStr::new("")));
        // An empty entry, as of a trailing colon, is not the current directory.
        path.add_named(
            listed.filter(|entry| !entry.as_os_str().is_empty()),
            NamedBy::Environment,
        )?;
        let folder = executable.as_deref().and_then(Path::parent);
        let beside = folder.map(|folder| folder.join("plugins"));
        let prefix = folder.and_then(Path::parent);
        let installed = prefix.map(|prefix| prefix.join("lib/handclasp/plugins"));
        let directories = beside
            .into_iter()
            .chain(os::user_directory())
            .chain(installed)
            .chain(os::system_directories());
        directories.for_each(|directory| path.add(directory, false));
        Ok(path)
    }

    fn add_named(
        &mut self,
        directories: impl IntoIterator<Item = PathBuf>,
        named_by: NamedBy,
    ) -> Result<(), FindError> {
        for directory in directories {
            if let Err(error) = directory.read_dir() {
                return Err(FindError::Directory {
                    directory,
                    named_by,
                    error,
                });
            }
            self.add(directory, true);
        }
        Ok(())
    }

    fn add(&mut self, directory: PathBuf, named: bool) {
        if self
            .directories
            .iter()
            .all(|place| place.directory != directory)
        {
            self.directories.push(SearchDir { directory, named });
        }
    }

    /// The directories, those that are not there included.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories
            .iter()
            .map(|place| place.directory.as_path())
    }

    /// Vets every library in these directories, sorted by name in each, and loads none. For an id the first
    /// directory wins, in that the highest version, and of several of that the newest file.
    pub fn scan(&self) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for SearchDir { directory, named } in &self.directories {
            catalogue.searched.push(directory.clone());
            match libraries(directory) {
                Ok(files) => files.iter().for_each(|file| catalogue.add(file)),
                Err(error) if !named && error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => catalogue.refused.push(Refusal {
                    file: directory.clone(),
                    error: VetError::Unreadable(error),
                }),
            }
        }
        catalogue
    }
}

fn libraries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in directory.read_dir()? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension() == Some(OsStr::new(DLL_EXTENSION)));
    files.sort_unstable();
    Ok(files)
}
