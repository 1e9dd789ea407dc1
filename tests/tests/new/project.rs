//! A project in each language: written, and built by the commands that were printed.
use handclasp_tests::{is_had, is_here, openssl_flags, program};
use std::env::consts::DLL_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The source tree.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    Cpp,
    Rust,
}

impl Language {
    /// Those that this machine can build a plugin in.
    pub(crate) fn here() -> Vec<Self> {
        let all = [Self::C, Self::Cpp, Self::Rust].into_iter();
        all.filter(|language| language.is_here()).collect()
    }

    fn is_here(self) -> bool {
        match self {
            Self::C => is_had(openssl_flags()),
            Self::Cpp => is_had(openssl_flags()) && is_here("c++", "g++"),
            Self::Rust => true,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Rust => "rust",
        }
    }

    pub(crate) fn plugin(self) -> String {
        format!("psk-{}", self.name())
    }
}

/// Where `handclasp new` was run, and what it told to do next.
pub(crate) struct Project {
    pub(crate) language: Language,
    parent: PathBuf,
    next: Vec<String>,
}

/// The project in this language, made once per process.
pub(crate) fn project(language: Language) -> &'static Project {
    static MADE: [OnceLock<Project>; 3] = [const { OnceLock::new() }; 3];
    MADE[language as usize].get_or_init(|| Project::make(language))
}

impl Project {
    fn make(language: Language) -> Self {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
        let directory = parent.join(language.plugin());
        // What cargo has built of the dependencies is kept from one run of the tests to the next.
        let (built, kept) = (directory.join("target"), parent.join("kept"));
        let keeps = built.is_dir() && fs::rename(&built, &kept).is_ok();
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&parent).expect("cargo's directory for tests is writable");
        let printed = new(&parent, &["--lang", language.name(), &language.plugin()]);
        assert!(printed.status.success(), "{printed:?}");
        if keeps {
            fs::rename(&kept, &built).expect("they are on one file system");
        }
        // The versions these tests are run with, without asking a registry.
        let lock = Path::new(ROOT).join("Cargo.lock");
        fs::copy(lock, directory.join("Cargo.lock")).expect("the workspace has a lock file");
        let project = Self {
            language,
            parent,
            next: commands(&printed),
        };
        project.run(&project.next[..2]);
        project
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.parent.join(self.language.plugin())
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.directory()
            .join(format!("{}{DLL_SUFFIX}", self.language.plugin()))
    }

    /// Runs the printed commands of these beginnings, where they were printed.
    pub(crate) fn follow(&self, beginnings: &[&str]) -> String {
        let program = program().display().to_string();
        let commands: Vec<_> = beginnings
            .iter()
            .map(|beginning| {
                let beginning = beginning.replace("handclasp", &program);
                let command = self.next.iter().find(|line| line.starts_with(&beginning));
                command
                    .unwrap_or_else(|| panic!("no `{beginning}` in {:#?}", self.next))
                    .clone()
            })
            .collect();
        self.run(&commands)
    }

    fn run(&self, commands: &[String]) -> String {
        let output = shell(&commands.join("\n"))
            .current_dir(&self.parent)
            .output()
            .expect("there is a shell");
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (said(&output.stdout), said(&output.stderr));
        assert!(
            output.status.success(),
            "{commands:#?}:\n{stdout}\n{stderr}"
        );
        stdout
    }
}

/// Runs `handclasp new` there, with a umask that leaves what is made writable for a group.
pub(crate) fn new(directory: &Path, arguments: &[&str]) -> Output {
    shell("exec \"$@\"")
        .arg("sh")
        .arg(program())
        .arg("new")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("there is a shell")
}

/// A shell that stops at the first failure, in a plain environment and without the make that runs these tests.
fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-ec", &format!("umask 002\n{script}")])
        .env("CFLAGS", "-O1 -Wall -Wextra -Wpedantic -Werror")
        .env("CXXFLAGS", "-O1 -Wall -Wextra -Wpedantic -Werror")
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("HANDCLASP_PLUGIN_PATH");
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        command.env_remove(variable);
    }
    command
}

/// The indented lines.
fn commands(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(str::to_owned).collect()
}
