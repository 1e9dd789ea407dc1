//! What a plugin is built against.
use crate::exit::Failed;
use std::path::{Path, PathBuf};

/// The directories of the C header and of the Rust SDK.
#[derive(Debug)]
pub(super) struct Sdk {
    pub(super) include: PathBuf,
    pub(super) rust: PathBuf,
}

impl Sdk {
    /// What is installed with this program, else the source tree that it is in, or was built from.
    pub(super) fn find() -> Result<Self, Failed> {
        let executable = std::env::current_exe().and_then(|file| file.canonicalize());
        let above = || executable.iter().flat_map(|file| file.ancestors().skip(1));
        let installed = above().nth(1).map(|prefix| Self {
            include: prefix.join("include"), // PREFIX/bin/handclasp
            rust: prefix.join("share/handclasp/sdk/plugin-api"),
        });
        let of_tree = |root: &Path| Self {
            include: root.join("include"),
            rust: root.join("plugin-api"),
        };
        // Wherever that has been moved since.
        let around = above().map(of_tree).find(Self::is_there);
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .map(of_tree);
        let places: Vec<_> = (installed.into_iter().chain(around).chain(built_from)).collect();
        let searched: Vec<_> = places
            .iter()
            .map(|place| place.include.display().to_string())
            .collect();
        (places.into_iter().find(Self::is_there)).ok_or_else(|| {
            Failed::new(format!(
                "handclasp.h and the Rust SDK are missing (searched {}): install this program with `make install`, which installs them too",
                searched.join(", ")
            ))
        })
    }

    fn is_there(&self) -> bool {
        self.include.join("handclasp.h").is_file() && self.rust.join("Cargo.toml").is_file()
    }
}
