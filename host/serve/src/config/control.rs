//! `[control]`: where programs connect that drive the daemon.
use super::key::{Key, Section, Visitor};
use super::kind::{File, FromText, Mode, Whole};
use super::places::Places;
use super::secret::{self, SecretError};
use super::value::{Always, Maybe};
use std::env;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where programs connect that drive the daemon.
#[derive(Clone, Debug)]
pub struct Control {
    /// The Unix socket; see [`socket_path`](Self::socket_path).
    pub socket: Option<PathBuf>,
    /// The group that the socket is given to.
    pub group: Option<String>,
    /// Who may connect: the socket's permissions.
    pub mode: u32,
    /// A loopback address and port to listen on as well.
    pub tcp: Option<SocketAddr>,
    /// The file with the token that clients over TCP must know.
    pub token_file: Option<PathBuf>,
    /// Most clients at a time.
    pub max_connections: u32,
}

/// There is no place for the socket.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no place for the control socket, as XDG_RUNTIME_DIR is not set: name one with `socket` in [control]"
)]
pub struct NoRuntimeDirectory;

impl Default for Control {
    fn default() -> Self {
        Self {
            socket: None,
            group: None,
            mode: PRIVATE,
            tcp: None,
            token_file: None,
            max_connections: 1024,
        }
    }
}

/// Its owner's alone.
const PRIVATE: u32 = 0o600;
/// Least characters of a token, which is all that keeps this machine's other users out.
const TOKEN: usize = 16;
/// Most bytes of a Unix socket's path (sockaddr_un, with its NUL).
const MOST: usize = 107;

const GROUP: FromText<String> = FromText {
    takes: "the name of a group",
    parse: |text| {
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_name = (1..=32).contains(&text.len()) && text.chars().all(letters);
        is_name.then(|| text.to_owned()).ok_or(None)
    },
    write: Clone::clone,
};

const LOOPBACK: FromText<SocketAddr> = FromText {
    takes: "a loopback address with a port, such as \"127.0.0.1:3479\"",
    parse: |text| {
        let address = text.parse::<SocketAddr>().ok();
        address
            .filter(|address| address.ip().is_loopback() && address.port() != 0)
            .ok_or(None)
    },
    write: ToString::to_string,
};

impl Control {
    /// The Unix socket: the one that is named; else `control.sock` in `RUNTIME_DIRECTORY`, as systemd sets it; as root
    /// `/run/handclasp/control.sock`; else `handclasp/control.sock` in `XDG_RUNTIME_DIR`.
    ///
    /// # Errors
    /// There is no such directory for this user.
    pub fn socket_path(&self) -> Result<PathBuf, NoRuntimeDirectory> {
        #[cfg(unix)]
        let is_root = rustix::process::geteuid().is_root();
        #[cfg(not(unix))]
        let is_root = false;
        match &self.socket {
            Some(socket) => Ok(socket.clone()),
            None => place(
                env::var_os("RUNTIME_DIRECTORY"),
                is_root,
                env::var_os("XDG_RUNTIME_DIR"),
            ),
        }
    }

    /// What clients over TCP must know, which is read now; `None` if there is no `tcp`.
    ///
    /// # Errors
    /// It cannot be read, or is too short to be a secret.
    pub fn token(&self) -> Result<Option<Zeroizing<String>>, SecretError> {
        let (Some(_), Some(file)) = (self.tcp, &self.token_file) else {
            return Ok(None);
        };
        let text = secret::read(file)?;
        let token = text.lines().next().unwrap_or_default().trim();
        match token.chars().count() < TOKEN {
            true => Err(SecretError::Short {
                what: format!("the token in {}", file.display()),
                least: TOKEN,
            }),
            false => Ok(Some(Zeroizing::new(token.to_owned()))),
        }
    }
}

fn place(
    runtime: Option<OsString>,
    is_root: bool,
    of_user: Option<OsString>,
) -> Result<PathBuf, NoRuntimeDirectory> {
    // systemd names several directories with colons between them.
    let runtime = runtime
        .iter()
        .flat_map(env::split_paths)
        .find(|path| path.is_absolute());
    let of_user = of_user.map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = match (runtime, is_root, of_user) {
        (Some(runtime), _, _) => runtime,
        (None, true, _) => PathBuf::from("/run/handclasp"),
        (None, false, Some(of_user)) => of_user.join("handclasp"),
        (None, false, None) => return Err(NoRuntimeDirectory),
    };
    Ok(directory.join("control.sock"))
}

const BOUND_ONCE: &str = "the control socket is made when the daemon starts";

impl Section for Control {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        visitor.key(
            Key::new("socket", "The Unix socket that programs connect to. Without it: control.sock in $RUNTIME_DIRECTORY, as systemd sets it; else /run/handclasp/control.sock as root, and handclasp/control.sock in $XDG_RUNTIME_DIR as anybody else.")
                .restart(BOUND_ONCE)
                .example("\"/run/handclasp/control.sock\""),
            &mut Maybe(File, &mut self.socket),
        );
        visitor.key(
            Key::new("group", "The group that the socket is given to; with mode = \"0660\", its members may connect.")
                .restart(BOUND_ONCE)
                .example("\"handclasp\""),
            &mut Maybe(GROUP, &mut self.group),
        );
        visitor.key(
            Key::new(
                "mode",
                "The socket's permissions. Whoever may write to it drives the daemon.",
            )
            .restart(BOUND_ONCE),
            &mut Always(Mode, &mut self.mode),
        );
        visitor.key(
            Key::new(
                "tcp",
                "Listen for programs on this address, too; `token-file` has what they must know.",
            )
            .restart(BOUND_ONCE)
            .example("\"127.0.0.1:3479\""),
            &mut Maybe(LOOPBACK, &mut self.tcp),
        );
        visitor.key(
            Key::new("token-file", "The file whose first line is what programs over TCP must know: at least 16 characters.")
                .example("\"control-token\""),
            &mut Maybe(File, &mut self.token_file),
        );
        visitor.key(
            Key::new(
                "max-connections",
                "How many programs may be connected at a time.",
            ),
            &mut Always(Whole(1..=65_536), &mut self.max_connections),
        );
    }

    fn rules(&self, places: &mut Places) {
        const GROUP: u32 = 0o020;
        match (places.is_given("tcp"), places.is_given("token-file")) {
            (true, false) => places.wrong("tcp", "every user of this machine can connect over TCP: name a secret with `token-file`"),
            (false, true) => places.wrong("token-file", "the token is for programs over TCP: add tcp = \"ADDRESS:PORT\", or remove the token"),
            _ => {}
        }
        if self.group.is_some() && self.mode & GROUP == 0 {
            places.wrong(
                "group",
                "its members cannot connect with this mode: add mode = \"0660\"",
            );
        }
        let length = |path: &Path| path.as_os_str().len();
        if let Some(length) = self
            .socket
            .as_deref()
            .map(length)
            .filter(|length| *length > MOST)
        {
            places.wrong("socket", format!("the path has {length} bytes, and a socket's has at most {MOST}: name a shorter one"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::place;
    use std::path::PathBuf;

    #[test]
    fn the_socket_is_where_the_system_has_such() {
        let at = |runtime: Option<&str>, is_root, of_user: Option<&str>| {
            place(runtime.map(Into::into), is_root, of_user.map(Into::into)).ok()
        };
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(
            at(Some("/run/a:/run/b"), true, None),
            path("/run/a/control.sock")
        );
        assert_eq!(
            at(None, true, Some("/run/user/0")),
            path("/run/handclasp/control.sock")
        );
        assert_eq!(
            at(Some(""), false, Some("/run/user/7")),
            path("/run/user/7/handclasp/control.sock")
        );
        assert_eq!(at(None, false, Some("relative")), None);
        assert_eq!(at(None, false, None), None);
    }
}
