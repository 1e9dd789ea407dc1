//! aiortc and aioice, in a virtual environment below cargo's target directory.
use handclasp_tests::Lacking;
use handclasp_tests::target_directory;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What is installed, by its version.
const PACKAGES: [&str; 2] = ["aiortc~=1.16.0", "aioice~=0.13.0"];
/// Succeeds where that is installed.
const ARE_THERE: &str = "
import aioice, aiortc, sys
versions = aiortc.__version__, aioice.__version__
sys.exit(not all(map(str.startswith, versions, ('1.16.', '0.13.'))))";

/// The environment's Python; the environment is made once, and kept.
pub(crate) fn python() -> Result<PathBuf, Lacking> {
    static PYTHON: OnceLock<Result<PathBuf, Lacking>> = OnceLock::new();
    PYTHON.get_or_init(make).clone()
}

fn make() -> Result<PathBuf, Lacking> {
    let directory = target_directory().join("venv");
    let python = directory.join("bin/python");
    let are_there = || run(Command::new(&python).args(["-c", ARE_THERE])).is_ok();
    if !are_there() {
        install(&directory, &python)?;
    }
    Ok(python)
}

fn install(directory: &Path, python: &Path) -> Result<(), Lacking> {
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(directory))
    .map_err(|cause| {
        Lacking(format!(
            "no Python environment ({cause}): install python3 with venv"
        ))
    })?;
    run(Command::new(python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(PACKAGES))
    .map_err(|cause| {
        Lacking(format!(
            "{PACKAGES:?} are not installed ({cause}): give pip a network"
        ))
    })
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(last.unwrap_or("it gave no reason").to_owned())
}
