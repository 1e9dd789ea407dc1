//! A released version of the ABI.
use handclasp_abi::{HC_ABI_MAJOR, HC_ABI_MINOR};
use handclasp_tests::cc;
use std::env::consts::DLL_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
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
    fn new(name: &'static str) -> Self {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        Self { directory, name }
    }

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

    /// Those whose plugins today's host must work with, its own version among them.
    pub(crate) fn supported() -> impl Iterator<Item = Self> {
        let found: Vec<_> = Self::all().into_iter().filter(Self::is_supported).collect();
        let is_todays =
            |release: &Self| (release.major, release.minor) == (HC_ABI_MAJOR, HC_ABI_MINOR);
        assert!(
            found.iter().any(is_todays),
            "nothing keeps plugins of ABI {HC_ABI_MAJOR}.{HC_ABI_MINOR}: see tests/compat/README.md"
        );
        found.into_iter()
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

    /// As people write it.
    pub(crate) fn version(&self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    pub(crate) fn compile(&self, name: &'static str) -> Library {
        let library = Library::new(name);
        self.cc(&library, &[]);
        library
    }

    /// The minimal plugin, as if this were another minor version.
    pub(crate) fn compile_as(&self, minor: u32) -> Library {
        let library = Library::new("minimal");
        let header = library.directory.path().join("other_minor.h");
        let other = format!(
            "#include \"handclasp.h\"\n#undef HC_ABI_MINOR\n#define HC_ABI_MINOR UINT32_C({minor})\n"
        );
        fs::write(&header, other).expect("the directory was just made");
        self.cc(&library, &["-include", &header.display().to_string()]);
        library
    }

    fn cc(&self, library: &Library, flags: &[&str]) {
        let include = format!("-I{}", self.folder.display());
        let source = self.folder.join(format!("{}.c", library.name));
        cc(
            &source,
            &library.path(),
            &[&[include.as_str()], flags].concat(),
        );
    }
}
