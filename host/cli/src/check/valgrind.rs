//! Running children under Valgrind.
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Proof that Valgrind is there.
#[derive(Debug)]
pub(super) struct Valgrind(());

impl Valgrind {
    pub(super) fn find() -> Option<Self> {
        let version = Command::new("valgrind")
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        version
            .is_ok_and(|status| status.success())
            .then_some(Self(()))
    }

    pub(super) fn command(&self, directory: &Path, program: &OsStr) -> Command {
        let mut command = Command::new("valgrind");
        command
            .arg("--quiet")
            .args(["--leak-check=full", "--show-leak-kinds=definite"])
            .arg(format!("--log-file={}", log(directory).display()))
            .arg(program);
        command
    }

    /// The first thing Valgrind did not like, and where.
    pub(super) fn error(&self, directory: &Path) -> Option<String> {
        let log = fs::read_to_string(log(directory)).ok()?;
        let mut lines = log
            .lines()
            .filter_map(|line| line.split_once("== ").map(|(_, text)| text));
        let what = lines.next()?.trim();
        // Where memory was lost, not which function of Valgrind's own gave it.
        let is_place = |line: &&str| {
            (line.trim_start().starts_with("at 0x") || line.trim_start().starts_with("by 0x"))
                && !line.contains("vg_replace_malloc")
                && !line.contains("vgpreload")
        };
        let place = lines.find(is_place);
        let place = place.unwrap_or_default().trim();
        Some(format!("Valgrind says: {what} {place}"))
    }
}

fn log(directory: &Path) -> std::path::PathBuf {
    directory.join("valgrind")
}
