//! What a child leaves behind for the process that started it: which call it is in, and its verdict.
//!
//! Files, not a pipe: they survive whatever the plugin does to the process, and nothing it prints gets into them.
use super::outcome::Checked;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes of a note; shorter ones are filled up, so that each overwrites the last.
const NOTE: usize = 120;

/// Written by the child.
#[derive(Debug)]
pub(crate) struct Notes {
    call: Mutex<(File, u64)>,
    verdict: PathBuf,
}

impl Notes {
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            call: Mutex::new((File::create(directory.join("call"))?, 0)),
            verdict: directory.join("verdict"),
        })
    }

    /// The checker waits; until the next call the plugin does not run.
    pub(crate) fn waiting(&self) {
        self.calling("");
    }

    /// The plugin is about to run this.
    pub(crate) fn calling(&self, what: &str) {
        let mut call = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, count) = &mut *call;
        *count += 1;
        let note = format!("{count} {what}");
        // A note that cannot be written makes a finding less precise, no more.
        let _ = overwrite(file, format!("{note:<NOTE$.NOTE$}").as_bytes(), 0);
    }

    pub(crate) fn conclude(&self, verdict: &Checked) -> io::Result<()> {
        fs::write(&self.verdict, serde_json::to_vec(verdict)?)
    }
}

/// In one system call where there is one: this happens before each call into the plugin.
#[cfg(unix)]
pub(super) fn overwrite(file: &mut File, note: &[u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, note, place)
}

#[cfg(not(unix))]
pub(super) fn overwrite(file: &mut File, note: &[u8], place: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(place))?;
    file.write_all(note)
}

/// The call a child is in, or was in when it ended: its number, and what it is; nothing if the child waits.
pub(crate) fn call(directory: &Path) -> (u64, String) {
    let note = fs::read_to_string(directory.join("call")).unwrap_or_default();
    let (count, what) = note.split_once(' ').unwrap_or_default();
    (count.parse().unwrap_or_default(), what.trim().to_owned())
}

/// What a child found, if it came to an end.
pub(crate) fn verdict(directory: &Path) -> Option<Checked> {
    serde_json::from_slice(&fs::read(directory.join("verdict")).ok()?).ok()
}
