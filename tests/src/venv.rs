//! Python packages, each set in a virtual environment of its own below cargo's target directory.
use crate::plugins::target_directory;
use crate::skip::Lacking;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How often an installation is tried.
const TRIES: usize = 3;

/// What is installed into an environment of its own, and a script that succeeds where that is there.
#[derive(Debug)]
pub struct Venv {
    /// Where, below cargo's target directory.
    pub directory: &'static str,
    /// As pip takes them.
    pub packages: &'static [&'static str],
    /// Exits with 0 if they are there, in these versions.
    pub are_there: &'static str,
}

impl Venv {
    /// The environment's Python; the environment is made once, and kept.
    ///
    /// # Errors
    /// What this machine lacks.
    pub fn python(&self) -> Result<PathBuf, Lacking> {
        let directory = target_directory().join(self.directory);
        let python = directory.join("bin/python");
        let are_there = run(Command::new(&python).args(["-c", self.are_there])).is_ok();
        if !are_there {
            install(self.packages, &directory, &python)?;
        }
        Ok(python)
    }

    /// What a Python script writes.
    ///
    /// # Errors
    /// What this machine lacks; the script's last word if it fails.
    pub fn ask(&self, script: &str) -> Result<String, Lacking> {
        let python = self.python()?;
        let said = run(Command::new(python).args(["-c", script]));
        let packages = self.packages;
        said.map_err(|cause| Lacking(format!("{packages:?} cannot be used ({cause})")))
    }
}

fn install(packages: &[&str], directory: &Path, python: &Path) -> Result<(), Lacking> {
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(directory))
    .map_err(|cause| {
        Lacking(format!(
            "no Python environment ({cause}): install python3 with venv"
        ))
    })?;
    let install = || {
        run(Command::new(python)
            .args(["-m", "pip", "install", "--quiet"])
            .args(packages))
    };
    // A registry has its moments.
    let tried = (1..TRIES)
        .find_map(|_| install().ok())
        .map_or_else(install, Ok);
    tried.map_err(|cause| {
        Lacking(format!(
            "{packages:?} are not installed ({cause}): give pip a network"
        ))
    })?;
    Ok(())
}

/// What it writes, if it succeeds.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        let written = String::from_utf8_lossy(&output.stdout);
        return Ok(written.trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(last.unwrap_or("it gave no reason").to_owned())
}
