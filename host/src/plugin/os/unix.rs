//! Owners and modes as POSIX has them.
use std::ffi::c_void;
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::ptr;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use rustix::io::{fcntl_dupfd_cloexec, fcntl_getfd};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use tempfile::{Builder, TempDir};

use crate::files::is_trusted;
use crate::plugin::vet_error::VetError;

const WRITABLE_BY_OTHERS: u32 = 0o022;
/// In a directory: only the owner of a file may rename or remove it.
const STICKY: u32 = 0o1000;

/// Refuses a file whose content someone other than root and the user of this process can change.
pub(in crate::plugin) fn check_file(metadata: &Metadata) -> Result<(), VetError> {
    let mode = metadata.mode() & 0o7777;
    if let Some(owner) = foreign_owner(metadata) {
        return Err(VetError::Owner { owner });
    }
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(VetError::Writable { mode });
    }
    Ok(())
}

/// Refuses a directory in which someone other than root and the user of this process can put another file
/// in place of theirs.
pub(in crate::plugin) fn check_directory(path: &Path) -> Result<(), VetError> {
    let metadata = path.metadata().map_err(VetError::Unreadable)?;
    let mode = metadata.mode() & 0o7777;
    let directory = path.to_owned();
    if let Some(owner) = foreign_owner(&metadata) {
        return Err(VetError::DirectoryOwner { directory, owner });
    }
    if mode & WRITABLE_BY_OTHERS != 0 && mode & STICKY == 0 {
        return Err(VetError::DirectoryWritable { directory, mode });
    }
    Ok(())
}

fn foreign_owner(metadata: &Metadata) -> Option<u32> {
    // The effective user: whose rights the library would run with.
    (!is_trusted(metadata.uid())).then_some(metadata.uid())
}

/// Where the user installs plugins.
pub(in crate::plugin) fn user_directory() -> Option<PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    home.map(|home| home.join(".local/lib/handclasp/plugins"))
}

/// Where the system installs plugins.
pub(in crate::plugin) fn system_directories() -> impl Iterator<Item = PathBuf> {
    let prefixes = ["/usr/local", "/usr"].into_iter().map(Path::new);
    prefixes.map(|prefix| prefix.join("lib/handclasp/plugins"))
}

/// The system's temporary directory, links resolved, if nobody but root and this user can put something else in place
/// of what this user makes there.
pub(in crate::plugin) fn temporary_directory() -> io::Result<PathBuf> {
    let place = std::env::temp_dir().canonicalize()?;
    for directory in place.ancestors() {
        check_directory(directory)
            .map_err(|error| io::Error::other(format!("what is there {error}")))?;
    }
    Ok(place)
}

/// Makes a directory that only this user can enter, in the [temporary one](temporary_directory).
pub(in crate::plugin) fn make_private_directory(prefix: &str) -> io::Result<TempDir> {
    Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(temporary_directory()?)
}

/// Whether this is a directory of this very user's that no other can enter.
pub(in crate::plugin) fn is_private_directory(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    path.symlink_metadata().is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == user && metadata.mode() & 0o077 == 0
    })
}

/// Ends this process when the one that started it ends, however that happens. Where the system has no such signal, or
/// refuses it, this process goes on: give it limits.
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
}

/// Has this called when the process ends by `exit`, before what was registered earlier.
pub(in crate::plugin) fn at_exit(end: extern "C" fn()) {
    // SAFETY: the function has the type that is asked for, and may be called at any moment.
    // Where there is no memory for it, it is not called.
    let _ = unsafe { libc::atexit(end) };
}

/// Whether this is the thread whose return from `main` ends the process; as a rule false where the system does not say.
pub(in crate::plugin) fn is_main_thread() -> bool {
    #[cfg(target_os = "linux")]
    return rustix::thread::gettid() == rustix::process::getpid();
    #[cfg(not(target_os = "linux"))]
    false
}

/// What tells that a file or a directory is not the one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Stamp([i64; 7]);

/// Follows links; `None` where there is nothing.
pub(in crate::plugin) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some(Stamp([
        metadata.dev() as i64,
        metadata.ino() as i64,
        metadata.size() as i64,
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]))
}

/// Whether somebody has a file open to write to it, as far as the system tells.
#[cfg(target_os = "linux")]
pub(in crate::plugin) fn is_being_written(path: &Path) -> bool {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    /// As in the headers of Linux, on all machines; libc does not name it.
    const F_SETSIG: i32 = 10;
    // Neither a pipe's other end nor a device is waited for.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let Ok(file) = opened else {
        return false;
    };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let descriptor = file.as_raw_fd();
    // Whoever opens the file to write before the lease is given back causes this signal, which by default does nothing;
    // without this it would be SIGIO, which ends the process.
    // SAFETY: the descriptor is open, and the argument is a number.
    if unsafe { libc::fcntl(descriptor, F_SETSIG, libc::SIGURG) } != 0 {
        return false;
    }
    // SAFETY: as above.
    if unsafe { libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_RDLCK) } == 0 {
        // SAFETY: as above. Closing the file gives the lease back as well.
        unsafe { libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_UNLCK) };
        return false;
    }
    // Else there are no leases here, or not for this user.
    io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
}

/// The system does not tell.
#[cfg(not(target_os = "linux"))]
pub(in crate::plugin) fn is_being_written(_: &Path) -> bool {
    false
}

/// Maps a library, never to unmap it: thread-local destructors and thread keys of a library that is gone
/// crash the threads that outlive it. Returns the address of its descriptor.
///
/// # Safety
/// The library's constructors run.
pub(in crate::plugin) unsafe fn open_for_ever(
    path: &Path,
) -> Result<*const c_void, libloading::Error> {
    // As in the C library's headers of Linux, the BSDs and macOS; libloading does not name it.
    const RTLD_NODELETE: i32 = if cfg!(target_os = "linux") {
        0x1000
    } else {
        0x80
    };
    // SAFETY: the caller's promise.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) }?;
    let library = ManuallyDrop::new(library);
    // SAFETY: an address is looked up and not used.
    let symbol = unsafe { library.get::<*const c_void>("handclasp_plugin") }?;
    Ok(symbol.into_raw())
}

/// What the process does about the signals that end it or that its own business raises.
pub(in crate::plugin) struct SignalActions {
    actions: Vec<(i32, libc::sigaction)>,
    /// Of the calling thread.
    mask: Option<libc::sigset_t>,
}

/// A library may have good reasons to handle others: a Go runtime has for many.
const KEPT: [i32; 7] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGPIPE,
    libc::SIGCHLD,
    libc::SIGXFSZ,
];

impl SignalActions {
    /// Notes what holds now.
    pub(in crate::plugin) fn note() -> Self {
        let action = |signal| {
            let mut action = MaybeUninit::uninit();
            // SAFETY: null for the new action asks for the old one, which is written if the call succeeds.
            let asked = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
            // SAFETY: it was just written.
            (asked == 0).then(|| (signal, unsafe { action.assume_init() }))
        };
        let mut mask = MaybeUninit::uninit();
        // SAFETY: null for the new mask asks for the old one, which is written if the call succeeds.
        let asked =
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), mask.as_mut_ptr()) };
        Self {
            actions: KEPT.into_iter().filter_map(action).collect(),
            // SAFETY: it was just written.
            mask: (asked == 0).then(|| unsafe { mask.assume_init() }),
        }
    }

    /// Lets it hold again.
    pub(in crate::plugin) fn restore(self) {
        for (signal, action) in &self.actions {
            // SAFETY: the action is one that the process had; the old one is not asked for.
            unsafe { libc::sigaction(*signal, action, ptr::null_mut()) };
        }
        if let Some(mask) = &self.mask {
            // SAFETY: the mask is one that this thread had; the old one is not asked for.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
        }
    }
}

/// Which of descriptors 0 to 2 are open.
pub(in crate::plugin) struct StandardDescriptors([bool; 3]);

impl StandardDescriptors {
    /// Notes what holds now.
    pub(in crate::plugin) fn note() -> Self {
        Self([stdin(), stdout(), stderr()].map(|descriptor| fcntl_getfd(descriptor).is_ok()))
    }

    /// Puts /dev/null where one has been closed: the next socket would be there, and hear what is printed.
    pub(in crate::plugin) fn restore(&self) {
        let Self(now) = Self::note();
        let closed: Vec<usize> = (0..3)
            .filter(|&number| self.0[number] && !now[number])
            .collect();
        if closed.is_empty() {
            return;
        }
        // It is opened into the first of these places.
        let null = File::options().read(true).write(true).open("/dev/null");
        let Ok(null) = null.and_then(|null| Ok(fcntl_dupfd_cloexec(null, 3)?)) else {
            return;
        };
        for number in closed {
            // Where it fails the place stays empty.
            let _ = match number {
                0 => dup2_stdin(&null),
                1 => dup2_stdout(&null),
                _ => dup2_stderr(&null),
            };
        }
    }
}
