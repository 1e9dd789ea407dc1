//! A directory of plugins compiled for one test, and what is asked of it.
use handclasp::plugin::{InitParameters, Loader, Plugin, Scanner, SearchPath, Services, validate};
use handclasp::{Host, HostOptions};
use handclasp_tests::{cc, program, target_directory};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Once};
use tempfile::TempDir;

pub(crate) use handclasp_tests::text;

pub(crate) const TESTS: &str = env!("CARGO_MANIFEST_DIR");

/// A directory of plugins, and beside it the journal that their instances keep.
pub(crate) struct Workshop {
    directory: TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
        fs::create_dir(directory.path().join("plugins")).expect("the directory was just made");
        Self { directory }
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.directory.path().join("plugins")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    /// Where a fixture leaves a mark when a command opens it.
    pub(crate) fn opened(&self) -> PathBuf {
        self.directory.path().join("opened")
    }

    /// Compiles `tests/fixtures/broken/NAME.c` as a plugin's author would, with more `flags`.
    pub(crate) fn compile(&self, name: &str, flags: &[&str]) -> PathBuf {
        let library = self.plugins().join(format!("{name}.so"));
        let source = Path::new(TESTS).join(format!("fixtures/broken/{name}.c"));
        cc(
            &source,
            &library,
            &[&["-fvisibility=default"], flags].concat(),
        );
        library
    }

    /// A library to link with, which is gone before this workshop's plugins are opened.
    pub(crate) fn dependency(&self, name: &str) -> PathBuf {
        let library = self.directory.path().join(format!("lib{name}.so"));
        let source = self.directory.path().join("dependency.c");
        fs::write(&source, "int from_the_dependency(void) { return 0; }\n").expect("it is ours");
        let soname = format!("-Wl,-soname,lib{name}.so");
        cc(&source, &library, &["-fvisibility=default", &soname]);
        library
    }

    /// The plugin of `tests/fixtures/panics`.
    pub(crate) fn add_panics(&self) {
        static BUILT: Once = Once::new();
        BUILT.call_once(build_panics);
        self.add(&target_directory().join("release/libpanics.so"));
    }

    /// A copy of a library that is built elsewhere.
    pub(crate) fn add(&self, library: &Path) -> PathBuf {
        let name = library.file_name().expect("a library has a name");
        let copy = self.plugins().join(name);
        fs::copy(library, &copy)
            .unwrap_or_else(|error| panic!("{} ({error}): run make plugins", library.display()));
        set_mode(&copy, 0o755);
        copy
    }

    pub(crate) fn loader(&self) -> Loader {
        let path = SearchPath::from_dirs(vec![self.plugins()]).expect("the directory is there");
        Loader::new(path, Services::default(), Scanner::none())
    }

    pub(crate) fn host(&self) -> Host {
        let plugins = SearchPath::from_dirs(vec![self.plugins()]).expect("the directory is there");
        let options = HostOptions::new(plugins).scanner(Scanner::none()).loops(2);
        Host::new(options).expect("the system has two threads to give")
    }

    /// The option with which instances keep the journal.
    pub(crate) fn journal_option(&self) -> (String, String) {
        let path = self.journal().display().to_string();
        ("journal".to_owned(), path)
    }

    /// What `init` of component 1 is told.
    pub(crate) fn parameters(
        &self,
        plugin: &Plugin,
        options: &[(String, String)],
    ) -> InitParameters {
        let options = [options, &[self.journal_option()]].concat();
        let declared = &plugin.description().options;
        InitParameters {
            component_id: 1,
            component_count: 1,
            mtu: 1200,
            instance_id: 1,
            stream_id: 1,
            options: Arc::from(validate(plugin.id(), declared, &options).expect("it takes these")),
        }
    }

    /// Runs `handclasp demo` with a plugin from here.
    pub(crate) fn demo(&self, plugin: &str, options: &[&str]) -> Output {
        let journal = format!("journal={}", self.journal().display());
        let mut demo = handclasp();
        demo.env("BROKEN_OPENED", self.opened());
        demo.args(["demo", "--plugin", plugin, "--plugin-dir"])
            .arg(self.plugins())
            .args(["--option", &journal]);
        for option in options {
            demo.args(["--option", option]);
        }
        demo.output().expect("the command runs")
    }

    /// How many instances were made, when each was destroyed exactly once.
    pub(crate) fn instances(&self) -> usize {
        let journal = fs::read_to_string(self.journal()).unwrap_or_default();
        let mut lives: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (event, instance) in journal.lines().filter_map(|line| line.split_once(' ')) {
            lives.entry(instance).or_default().push(event);
        }
        for (instance, events) in &lives {
            assert_eq!(
                *events,
                ["made", "destroyed"],
                "instance {instance}:\n{journal}"
            );
        }
        lives.len()
    }
}

fn build_panics() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let build = Command::new(cargo)
        .args(["build", "--offline", "--quiet", "--release"])
        .args(["-p", "handclasp-panics"])
        .env("CARGO_TARGET_DIR", target_directory())
        .current_dir(TESTS)
        .output()
        .expect("cargo runs these tests");
    assert!(build.status.success(), "{}", text(&build.stderr));
}

/// The command, in an environment without settings.
pub(crate) fn handclasp() -> Command {
    let mut command = Command::new(program());
    for variable in ["HANDCLASP_PLUGIN_PATH", "HANDCLASP_LOG", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command.env("RUST_BACKTRACE", "0");
    command
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// The one error a command reports on its standard error.
pub(crate) fn sentence(output: &Output) -> String {
    let stderr = text(&output.stderr);
    let mut errors = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("error: "));
    match (errors.next(), errors.next()) {
        (Some(error), None) => error.to_owned(),
        _ => panic!("not one error:\n{stderr}"),
    }
}
