//! The plugins in `plugins/examples`, built as docs/languages.md says.
use handclasp_tests::{Lacking, Venv, need, target_directory};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const ZIG: Venv = Venv {
    directory: "venv-zig",
    packages: &["ziglang==0.17.0"],
    are_there: "
import importlib.metadata, sys
sys.exit(importlib.metadata.version('ziglang') != '0.17.0')",
};

/// A plugin in another language.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Example {
    Go,
    Zig,
}

impl Example {
    pub(crate) const ALL: [Self; 2] = [Self::Go, Self::Zig];

    /// Its folder in `plugins/examples`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Zig => "zig",
        }
    }

    /// The plugin's id.
    pub(crate) fn id(self) -> String {
        format!("psk-{}", self.folder())
    }

    /// Its files, by name: what is not part of the tree is what `make` leaves there.
    pub(crate) fn files(self) -> Vec<PathBuf> {
        let folder = Path::new(ROOT).join("plugins/examples").join(self.folder());
        let entries = fs::read_dir(folder).expect("it is part of the tree");
        let files = entries.map(|entry| entry.expect("it is readable").path());
        let is_built = |file: &PathBuf| {
            let name = file.file_name().expect("it has one").to_string_lossy();
            name.ends_with(".so") || name == "handclasp.zig"
        };
        let mut files: Vec<_> = files.filter(|file| !is_built(file)).collect();
        files.sort();
        files
    }

    /// The library, built in a directory of its own, with nothing of the tree but the header.
    pub(crate) fn library(self) -> Result<PathBuf, Lacking> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        need("make", "make")?;
        let mut make = Command::new("make");
        let caches = target_directory().join("tmp");
        match self {
            Self::Go => {
                need("go", "golang-go")?;
                // None of the settings of whoever builds.
                make.env("GOENV", "off").env("GOFLAGS", "");
                make.env("GOCACHE", caches.join("go"));
            }
            Self::Zig => {
                let python = ZIG.python()?;
                make.arg(format!("ZIG={} -m ziglang", python.display()));
                for variable in ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"] {
                    make.env(variable, caches.join("zig"));
                }
                // Zig builds the translator of headers first; so in seconds, not in minutes.
                make.env("ZIG_DEBUG_CMD", "1");
            }
        }
        let directory = self.copied();
        let include = Path::new(ROOT).join("include");
        let include = include.canonicalize().expect("it is part of the tree");
        let made = make
            .arg("-s")
            .arg(format!("INCLUDE={}", include.display()))
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .current_dir(&directory)
            .output()
            .expect("it was just looked for");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{self:?}: {said}");
        Ok(directory.join(format!("{}.so", self.id())))
    }

    /// A copy of its files, where `make` builds what has changed.
    fn copied(self) -> PathBuf {
        let directory = target_directory().join("tmp/languages").join(self.folder());
        fs::create_dir_all(&directory).expect("the target directory is writable");
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("it is ours");
        for file in self.files() {
            let text = fs::read(&file).expect("it is part of the tree");
            let copy = directory.join(file.file_name().expect("it has one"));
            if fs::read(&copy).ok().as_ref() != Some(&text) {
                fs::write(copy, text).expect("the directory is ours");
            }
        }
        directory
    }
}
