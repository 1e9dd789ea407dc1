//! `handclasp serve`: the daemon.
use super::{exit::Failed, log};
use clap::Args;
use handclasp::plugin::Scanner;
use handclasp_serve::config::Config;
use handclasp_serve::{ServeError, Start};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Run the daemon: thousands of streams on one UDP port, for programs that connect to its control socket, with plugins
/// that change under load.
///
/// Without a configuration it has good defaults; `handclasp config example` writes one with all of them, and `handclasp
/// ctl` talks to a running daemon. SIGTERM and SIGINT stop all streams and end it; SIGQUIT lets it end with its last
/// stream, and a second signal at once; SIGHUP has it read its configuration again; SIGUSR2 starts the program anew, which
/// then takes its place. Exit code 1 if something does not end in time.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Its configuration; without it /etc/handclasp/handclasp.toml, if that is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Look for plugins here and nowhere else (repeatable), whatever the configuration says
    #[arg(long = "plugin-dir", value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// Make the control socket here, whatever the configuration says
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Take the place of the running daemon without losing a stream: it passes its sockets, keeps its streams, and ends with
    /// the last of them. PATH is its control socket, unless that is the configured one
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true)]
    takeover: Option<Option<PathBuf>>,
    /// Use this UDP port, whatever the configuration says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

/// The configuration that is named, or the one at its usual place, or none.
pub(super) fn configuration(named: Option<&Path>) -> Result<Config, Failed> {
    let usual = Path::new(Config::DEFAULT_FILE);
    let file = named.or_else(|| usual.exists().then_some(usual));
    match file {
        Some(file) => Config::load(file).map_err(Failed::usage),
        None => Ok(Config::default()),
    }
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failed> {
        let mut config = configuration(self.config.as_deref())?;
        if !self.directories.is_empty() {
            config.plugins.directories = self.directories;
        }
        if let Some(socket) = self.socket {
            config.control.socket = Some(socket);
        }
        if let Some(port) = self.port {
            config.listen.port = port;
        }
        let takeover = match self.takeover {
            Some(Some(path)) => Some(path),
            Some(None) => Some(config.control.socket_path().map_err(Failed::usage)?),
            None => None,
        };
        log::start_daemon(&config.log).map_err(Failed::usage)?;
        let start = Start {
            config,
            scanner: Scanner::this_program(),
            reopen_logs: log::reopen,
            set_log: log::set_daemon,
            takeover,
            successor,
        };
        handclasp_serve::run(start).map_err(|error| match error {
            ServeError::Config(_) | ServeError::Settings(_) => Failed::usage(error),
            ServeError::Plugins(error) => Failed::from(error),
            error => Failed::new(error),
        })
    }
}

/// This program as it was started, to take the place of this process.
fn successor() -> io::Result<Command> {
    let mut command = Command::new(program()?);
    let arguments = std::env::args_os().skip(1);
    let is_takeover = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"--takeover");
    command
        .args(arguments.filter(|argument| !is_takeover(argument)))
        .arg("--takeover")
        .stdin(Stdio::null())
        // These are for this process, and it is the other one's from then on to feed the watchdog.
        .env_remove("WATCHDOG_PID")
        .env_remove("LISTEN_PID")
        .env_remove("LISTEN_FDS");
    Ok(command)
}

/// Where this program was started from, and another version may be now.
fn program() -> io::Result<PathBuf> {
    let named = std::env::args_os().next().map(PathBuf::from);
    match named.filter(|named| named.is_absolute()) {
        Some(named) => Ok(named),
        None => {
            let path = std::env::current_exe()?;
            // So Linux names a file that was replaced.
            let name = path.as_os_str().as_encoded_bytes();
            let kept = name.strip_suffix(b" (deleted)").unwrap_or(name);
            Ok(PathBuf::from(OsStr::from_bytes(kept)))
        }
    }
}
