//! From a path to the directory that holds what it names, past links that can be trusted.
use super::{Unsafe, is_trusted};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, mkdirat, openat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

/// What becomes of directories that are not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Made,
    Fails,
}

/// As many as Linux follows.
const MAX_LINKS: usize = 40;

/// How a directory is opened that is passed through: it need not be readable.
#[cfg(target_os = "linux")]
const PASSED: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const PASSED: OFlags = OFlags::RDONLY;

/// The directory, and the name in it, which is no link's. Every link on the way is root's or this user's.
pub(super) fn to(path: &Path, missing: Missing) -> io::Result<(OwnedFd, OsString)> {
    walk(path, missing, true)
}

/// The same for a name that is to be new: if it is a link's, that is not followed.
pub(super) fn to_new(path: &Path) -> io::Result<(OwnedFd, OsString)> {
    walk(path, Missing::Fails, false)
}

fn walk(path: &Path, missing: Missing, follows_last: bool) -> io::Result<(OwnedFd, OsString)> {
    let mut rest = Vec::new();
    let mut at = push(path, &mut rest)?.map_or_else(|| pass(CWD, OsStr::new(".")), Ok)?;
    let mut links = 0;
    while let Some(name) = rest.pop() {
        let is_last = rest.is_empty();
        if (follows_last || !is_last)
            && let Some((stat, target)) = read_link(&at, &name)?
        {
            if !is_trusted(stat.st_uid) {
                let (link, owner) = (name.into(), stat.st_uid);
                return Err(Unsafe::Link { link, owner }.into());
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP.into());
            }
            at = push(Path::new(&target), &mut rest)?.unwrap_or(at);
            continue;
        }
        if is_last {
            return Ok((at, name));
        }
        at = match pass(&at, &name) {
            Err(error) if missing == Missing::Made && error.kind() == io::ErrorKind::NotFound => {
                mkdirat(&at, &*name, Mode::from_raw_mode(0o777))?;
                pass(&at, &name)?
            }
            passed => passed?,
        };
    }
    Err(Errno::ISDIR.into()) // the root
}

/// Puts a path's names before the others; returns the root if the path starts there.
fn push(path: &Path, rest: &mut Vec<OsString>) -> io::Result<Option<OwnedFd>> {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => rest.push(name.to_owned()),
            Component::ParentDir => rest.push("..".into()),
            Component::RootDir => return pass(CWD, OsStr::new("/")).map(Some),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(None)
}

fn pass(at: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = PASSED | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

/// What a link says and whose it is, if it is one: of one link, whatever is put in its place meanwhile.
#[cfg(target_os = "linux")]
fn read_link(at: &OwnedFd, name: &OsStr) -> io::Result<Option<(Stat, OsString)>> {
    use rustix::fs::{fstat, readlinkat};
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let link = match openat(at, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        opened => opened?,
    };
    let stat = fstat(&link)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        return Ok(None);
    }
    let target = readlinkat(&link, "", Vec::new())?;
    Ok(Some((stat, OsString::from_vec(target.into_bytes()))))
}

/// What a link says and whose it is, if it is one.
#[cfg(not(target_os = "linux"))]
fn read_link(at: &OwnedFd, name: &OsStr) -> io::Result<Option<(Stat, OsString)>> {
    use rustix::fs::{AtFlags, readlinkat, statat};
    let stat = match statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        stat => stat?,
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        return Ok(None);
    }
    let target = readlinkat(at, name, Vec::new())?;
    Ok(Some((stat, OsString::from_vec(target.into_bytes()))))
}
