//! Where controllers connect.
use super::connection::Connection;
use super::takeover::Input;
use crate::daemon::Daemon;
use crate::outbox::{Budget, Outbox};
use crate::takeover::Lock;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::net::{TcpListener, UnixListener};

/// The control socket of this process: no other daemon can take its place while it is there.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: StdUnixListener,
    path: PathBuf,
    /// Held as long as the socket is.
    lock: Option<Lock>,
    /// Whether its file goes with it.
    is_own: bool,
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Its directory cannot be made.
    #[error("the directory of the control socket {} cannot be made: {error}; make it, or set control.socket", path.display())]
    Directory {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Another daemon has it.
    #[error("{} is the control socket of another daemon{}: stop that one, or set control.socket", path.display(), process(*by))]
    Taken {
        /// The socket.
        path: PathBuf,
        /// The daemon's process, if the system tells.
        by: Option<i32>,
    },
    /// Something else is there.
    #[error("{} is there and is no socket: remove it, or set control.socket", path.display())]
    NoSocket {
        /// What is there.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("the control socket {} cannot be made: {error}", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// There is no such group, or this user may not give it away.
    #[error("the control socket {} cannot be given to the group: {error}", path.display())]
    Group {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

fn process(by: Option<i32>) -> String {
    by.map_or(String::new(), |by| format!(" (process {by})"))
}

impl ControlSocket {
    /// Makes the socket, in place of one that a daemon has left which is no more.
    pub(crate) fn bind(path: &Path, mode: u32, group: Option<u32>) -> Result<Self, SocketError> {
        let at = || path.to_owned();
        if let Some(directory) = path
            .parent()
            .filter(|directory| !directory.as_os_str().is_empty())
        {
            make_directory(directory)
                .map_err(|error| SocketError::Directory { path: at(), error })?;
        }
        let bind = |error| SocketError::Bind { path: at(), error };
        let lock = lock(path).map_err(bind)?;
        let Some(lock) = lock else {
            return Err(SocketError::Taken {
                path: at(),
                by: holder(path),
            });
        };
        Self::make(path, mode, group, Some(Lock(lock)))
    }

    /// Makes one at a name that is this process's alone.
    pub(crate) fn bind_own(
        path: &Path,
        mode: u32,
        group: Option<u32>,
    ) -> Result<Self, SocketError> {
        Self::make(path, mode, group, None)
    }

    fn make(
        path: &Path,
        mode: u32,
        group: Option<u32>,
        lock: Option<Lock>,
    ) -> Result<Self, SocketError> {
        let at = || path.to_owned();
        let bind = |error| SocketError::Bind { path: at(), error };
        remove_forsaken(path);
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.file_type().is_socket() => {
                // Whoever holds no lock may still listen there, such as another program.
                if std::os::unix::net::UnixStream::connect(path).is_ok() {
                    return Err(SocketError::Taken {
                        path: at(),
                        by: holder(path),
                    });
                }
                fs::remove_file(path).map_err(bind)?;
            }
            Ok(_) => return Err(SocketError::NoSocket { path: at() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(bind(error)),
        }
        // Nobody can connect between its making and its mode: it gets its name once it has that.
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        let _ = fs::remove_file(&draft); // of a daemon that was killed here, with the same number
        let listener = StdUnixListener::bind(&draft).map_err(bind)?;
        let made = set_access(&draft, path, mode, group);
        let made = made.and_then(|()| fs::rename(&draft, path).map_err(bind));
        if let Err(error) = made {
            let _ = fs::remove_file(&draft); // what matters is the error
            return Err(error);
        }
        Ok(Self {
            listener,
            path: at(),
            lock,
            is_own: true,
        })
    }

    /// One that was made by whoever started this process.
    pub(crate) fn inherited(listener: StdUnixListener, path: PathBuf) -> Self {
        Self {
            listener,
            path,
            lock: None,
            is_own: false,
        }
    }

    /// One that another daemon had until now.
    pub(crate) fn taken_over(listener: OwnedFd, path: PathBuf, lock: Option<Lock>) -> Self {
        Self {
            listener: listener.into(),
            path,
            is_own: false,
            lock,
        }
    }

    /// It is this process's from now on: its file goes with it if a daemon has made that.
    pub(crate) fn settle(&mut self) {
        self.is_own = self.lock.is_some();
    }

    /// Has the system give it as this process's, with this mode and group if a daemon has made it.
    ///
    /// # Errors
    /// Its file cannot be given its mode or its group.
    pub(crate) fn set_access(&self, mode: u32, group: Option<u32>) -> Result<(), SocketError> {
        // It listens already.
        let _ = rustix::net::listen(&self.listener, BACKLOG);
        match &self.lock {
            Some(_) => set_access(&self.path, &self.path, mode, group),
            None => Ok(()),
        }
    }

    /// Another daemon has it from now on.
    pub(crate) fn give_away(&mut self) {
        self.is_own = false;
    }

    /// What another daemon needs in order to take it over.
    pub(crate) fn copy(&self) -> io::Result<(OwnedFd, Option<Lock>)> {
        let lock = self.lock.as_ref().map(|lock| lock.0.try_clone().map(Lock));
        Ok((self.listener.try_clone()?.into(), lock.transpose()?))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if self.is_own {
            let _ = fs::remove_file(&self.path); // it may have been removed already
        }
    }
}

/// Removes sockets of daemons whose place was taken, and which were killed: beside `path`, with their processes' numbers.
fn remove_forsaken(path: &Path) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let entry_name = entry.file_name();
        let number = entry_name
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes());
        let number = number.and_then(|rest| rest.strip_prefix(b"."));
        let is_number =
            number.is_some_and(|it| !it.is_empty() && it.iter().all(u8::is_ascii_digit));
        let is_socket = || entry.file_type().is_ok_and(|kind| kind.is_socket());
        let is_dead = || {
            let connected = std::os::unix::net::UnixStream::connect(entry.path());
            connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if is_number && is_socket() && is_dead() {
            let _ = fs::remove_file(entry.path()); // another daemon may have been faster
        }
    }
}

/// Gives a file, which is or will be a socket at `path`, its mode and its group.
fn set_access(file: &Path, path: &Path, mode: u32, group: Option<u32>) -> Result<(), SocketError> {
    let at = || path.to_owned();
    fs::set_permissions(file, Permissions::from_mode(mode))
        .map_err(|error| SocketError::Bind { path: at(), error })?;
    match group {
        Some(group) => std::os::unix::fs::chown(file, None, Some(group))
            .map_err(|error| SocketError::Group { path: at(), error }),
        None => Ok(()),
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
}

/// The lock beside a socket, if nobody has it.
fn lock(path: &Path) -> io::Result<Option<OwnedFd>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = open(Path::new(&name), flags, Mode::RUSR | Mode::WUSR)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The process that listens there.
fn holder(path: &Path) -> Option<i32> {
    let stream = std::os::unix::net::UnixStream::connect(path).ok()?;
    #[cfg(target_os = "linux")]
    {
        let credentials = rustix::net::sockopt::socket_peercred(&stream).ok()?;
        Some(credentials.pid.as_raw_nonzero().get())
    }
    #[cfg(not(target_os = "linux"))]
    {
        drop(stream);
        None
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Connections {
    budget: Arc<Budget>,
    open: AtomicUsize,
    numbers: AtomicUsize,
    most: usize,
}

impl Connections {
    pub(crate) fn new(most: usize, budget: Arc<Budget>) -> Self {
        Self {
            budget,
            open: AtomicUsize::new(0),
            numbers: AtomicUsize::new(0),
            most,
        }
    }

    /// How many there are.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Bytes that wait to be written on all of them.
    pub(crate) fn waiting(&self) -> usize {
        self.budget.waiting()
    }

    /// Serves a connection in a task of its own, unless there are too many.
    fn serve(
        self: &Arc<Self>,
        daemon: &Arc<Daemon>,
        token: Option<Arc<str>>,
        (input, output): (
            impl Input + Send + 'static,
            impl AsyncWrite + Unpin + Send + 'static,
        ),
    ) {
        if let Some((connection, open)) = self.begin(daemon, token) {
            tokio::spawn(async move {
                connection.serve(input, output).await;
                drop(open);
            });
        }
    }

    /// A connection, unless there are too many.
    fn begin(
        self: &Arc<Self>,
        daemon: &Arc<Daemon>,
        token: Option<Arc<str>>,
    ) -> Option<(Connection, Open)> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.open.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!(
                "a connection to the control socket is refused: there are {}, as many as control.max-connections allows",
                self.most
            );
            return None;
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) as u64 + 1;
        let outbox = Outbox::new(Arc::clone(&self.budget));
        let connection = Connection::new(Arc::clone(daemon), outbox, number, token);
        Some((connection, Open(Arc::clone(self))))
    }
}

/// A connection that is counted.
struct Open(Arc<Connections>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Connections that wait to be taken.
const BACKLOG: i32 = 1024;
/// How long to wait where the system has no descriptor to give.
const BREATH: Duration = Duration::from_millis(100);

/// Where connections to a socket come.
///
/// # Errors
/// The system cannot wait for them.
pub(crate) fn unix_listener(socket: &ControlSocket) -> io::Result<UnixListener> {
    let listener = socket.listener.try_clone()?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Serves whoever connects to the socket, for ever.
pub(crate) async fn serve_unix(
    listener: UnixListener,
    daemon: Arc<Daemon>,
    connections: Arc<Connections>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.serve(&daemon, None, stream.into_split());
            }
            Err(error) => {
                tracing::warn!("a connection to the control socket cannot be taken: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Serves whoever connects over TCP and shows the token, for ever.
pub(crate) async fn serve_tcp(
    listener: TcpListener,
    token: Arc<str>,
    daemon: Arc<Daemon>,
    connections: Arc<Connections>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true); // it is slower without
                let token = Some(Arc::clone(&token));
                connections.serve(&daemon, token, stream.into_split());
            }
            Err(error) => {
                tracing::warn!("a control connection cannot be taken: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
