//! A released version of the ABI.
use handclasp_abi::{HC_ABI_MAJOR, HC_ABI_MINOR};
use std::env::consts::DLL_SUFFIX;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub(crate) struct Release {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    folder: PathBuf,
}

/// A plugin of a release, compiled for one test.
pub(crate) struct Library {
    directory: TempDir,
    name: &'static str,
}

impl Library {
    pub(crate) fn path(&self) -> PathBuf {
        self.directory
            .path()
            .join(format!("{}{DLL_SUFFIX}", self.name))
    }
}

impl Release {
    /// All that are kept; there is at least one.
    pub(crate) fn all() -> Vec<Self> {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat");
        let entries = fs::read_dir(folders).expect("it is part of the source tree");
        let paths = entries.map(|entry| entry.expect("it is readable").path());
        let found: Vec<_> = paths.filter(|path| path.is_dir()).map(Self::at).collect();
        assert!(!found.is_empty());
        found
    }

    /// Those whose plugins today's host must work with.
    pub(crate) fn supported() -> impl Iterator<Item = Self> {
        Self::all().into_iter().filter(Self::is_supported)
    }

    fn at(folder: PathBuf) -> Self {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let number = |text: &str| text.parse().ok();
        let (major, minor) = name
            .split_once('.')
            .and_then(|(major, minor)| Some((number(major)?, number(minor)?)))
            .unwrap_or_else(|| panic!("{name} is not a version: name it MAJOR.MINOR"));
        Self {
            major,
            minor,
            folder,
        }
    }

    pub(crate) fn is_supported(&self) -> bool {
        match HC_ABI_MAJOR {
            0 => (self.major, self.minor) == (0, HC_ABI_MINOR),
            major => self.major == major && self.minor <= HC_ABI_MINOR,
        }
    }

    /// The header as it was released.
    pub(crate) fn header(&self) -> String {
        fs::read_to_string(self.folder.join("handclasp.h")).expect("each release has its header")
    }

    pub(crate) fn compile(&self, name: &'static str) -> Library {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        let library = Library { directory, name };
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let output = Command::new(&compiler)
            .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(["-fPIC", "-shared", "-fvisibility=hidden", "-I"])
            .arg(&self.folder)
            .arg(self.folder.join(format!("{name}.c")))
            .arg("-o")
            .arg(library.path())
            .output()
            .unwrap_or_else(|error| {
                panic!("cannot run {compiler} ({error}): install it, or set CC")
            });
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        fs::set_permissions(library.path(), Permissions::from_mode(0o755)).expect("it is ours");
        library
    }
}
