//! What scanners have found, in the user's cache directory.
//!
//! An entry says no more than a scan would: that a library of this content could be opened, and what it said. Whoever
//! opens it checks all of that again. One that is not as it should be, in its place, its owner or its content, is as
//! good as none.
use super::report::{MAX_ANSWER, Report};
use crate::plugin::os;
use handclasp_abi::HC_DECLARATIONS;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, renameat, statat,
    unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The user's, which no one else can enter.
pub(super) struct Cache {
    directory: OwnedFd,
    /// This host, and the program that scans for it.
    host: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    host: String,
    sha256: String,
    report: Report,
}

#[derive(Serialize)]
struct NewEntry<'a> {
    host: &'a str,
    sha256: &'a str,
    report: &'a Report,
}

/// Most entries that are kept.
const MOST: usize = 512;

/// How a directory is opened: not through a link.
const DIRECTORY: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Cache {
    /// `None` where there is no such directory to be had.
    pub(super) fn open(program: &Path) -> Option<Self> {
        let base = base()?;
        let ours = directory(CWD, &base.join("handclasp")).or_else(|| {
            std::fs::create_dir_all(&base).ok()?;
            directory(CWD, &base.join("handclasp"))
        })?;
        let directory = directory(ours, Path::new("scans"))?;
        let version = env!("CARGO_PKG_VERSION");
        let stamp = os::stamp(program)?;
        let host = format!("{version} {HC_DECLARATIONS:016x} {stamp:?}");
        Some(Self { directory, host })
    }

    /// What is known of the library with this digest.
    pub(super) fn get(&self, sha256: &str) -> Option<Report> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.directory, name(sha256), flags, Mode::empty()).ok()?;
        let stat = fstat(&file).ok()?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || !is_private(&stat) {
            return None;
        }
        let mut text = Vec::new();
        File::from(file)
            .take(MAX_ANSWER as u64)
            .read_to_end(&mut text)
            .ok()?;
        let entry: Entry = serde_json::from_slice(&text).ok()?;
        let is_it = entry.host == self.host && entry.sha256 == sha256 && entry.report.is_possible();
        is_it.then_some(entry.report)
    }

    /// Remembers it, if that can be done.
    pub(super) fn put(&self, sha256: &str, report: &Report) {
        // The next scan finds it out again.
        let _ = self.try_put(sha256, report);
        self.forget_oldest();
    }

    fn try_put(&self, sha256: &str, report: &Report) -> std::io::Result<()> {
        let entry = NewEntry {
            host: &self.host,
            sha256,
            report,
        };
        let text = serde_json::to_vec(&entry)?;
        let new = format!(
            "{NEW}{:016x}",
            getrandom::u64().map_err(std::io::Error::other)?
        );
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.directory, &*new, flags, Mode::RUSR | Mode::WUSR)?;
        let written = File::from(file).write_all(&text);
        let moved = written.and_then(|()| {
            Ok(renameat(
                &self.directory,
                &*new,
                &self.directory,
                name(sha256),
            )?)
        });
        if moved.is_err() {
            let _ = unlinkat(&self.directory, &*new, AtFlags::empty());
        }
        moved
    }

    fn forget_oldest(&self) {
        let Ok(entries) = Dir::read_from(&self.directory) else {
            return;
        };
        let names = entries.flatten().map(|entry| entry.file_name().to_owned());
        let names: Vec<_> = names
            .filter(|name| !matches!(name.to_bytes(), b"." | b".."))
            .collect();
        if names.len() <= MOST {
            return;
        }
        let modified = |name: &std::ffi::CStr| {
            let stat = statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW);
            stat.map_or(0, |stat| stat.st_mtime)
        };
        let mut names: Vec<_> = names
            .into_iter()
            .map(|name| (modified(&name), name))
            .collect();
        names.sort_unstable();
        // Some more than there must go: the next need not sort again.
        let surplus = names.len() - MOST / 2;
        for (_, name) in &names[..surplus] {
            let _ = unlinkat(&self.directory, name, AtFlags::empty());
        }
    }
}

/// What the names of entries that are being written begin with.
const NEW: &str = ".new-";

fn name(sha256: &str) -> String {
    format!("{sha256}.json")
}

/// As the XDG Base Directory Specification has it.
fn base() -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(absolute);
    named.or_else(|| Some(env::home_dir().filter(absolute)?.join(".cache")))
}

/// Opens a directory that no other user can enter, made if it is not there.
fn directory(within: impl std::os::fd::AsFd, name: &Path) -> Option<OwnedFd> {
    let opened = match openat(&within, name, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => {
            mkdirat(&within, name, Mode::RWXU).ok()?;
            openat(&within, name, DIRECTORY, Mode::empty())
        }
        opened => opened,
    };
    let opened = opened.ok()?;
    is_private(&fstat(&opened).ok()?).then_some(opened)
}

fn is_private(stat: &Stat) -> bool {
    stat.st_uid == geteuid().as_raw() && stat.st_mode & 0o077 == 0
}
