//! What every command that opens streams takes of STUN and TURN servers.
use super::exit::Failed;
use clap::Args;
use handclasp::files;
use handclasp::ice::{Servers, StunServer, TurnServer};
use std::io;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The servers, and what is known of them.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// Learn from this STUN server how this machine looks from outside (repeatable): stun:HOST or stun:HOST:PORT
    #[arg(long = "stun", value_name = "URI")]
    stun: Vec<StunServer>,
    /// Be reachable through this TURN server (repeatable): turn:USER@HOST, turn:USER@HOST?transport=tcp or
    /// turns:USER@HOST, with :PORT behind the host if need be. USER:PASSWORD@ also holds the password, where
    /// other users of this machine can read it
    #[arg(long = "turn", value_name = "URI")]
    turn: Vec<TurnServer>,
    /// Read the password of TURN servers that have none in their URI from this file. Without it: from the
    /// environment's HANDCLASP_TURN_PASSWORD
    #[arg(long, value_name = "FILE")]
    turn_password_file: Option<PathBuf>,
    /// Trust relays over TLS by the certificates in this PEM file, in place of the system's
    #[arg(long, value_name = "FILE")]
    turn_ca: Option<PathBuf>,
    /// Use relays only: the peer learns no address of this machine
    #[arg(long, requires = "turn")]
    relay_only: bool,
}

const PASSWORD: &str = "HANDCLASP_TURN_PASSWORD";

impl ServerArgs {
    pub(super) fn servers(&self) -> Result<Servers, Failed> {
        let mut turn = self.turn.clone();
        if let Some(server) = turn.iter().find(|server| server.username.is_empty()) {
            let (named, with_user) = (
                server.to_string(),
                server.to_string().replacen(':', ":USER@", 1),
            );
            return Err(Failed::usage(format!(
                "{named} has no user: write {with_user}"
            )));
        }
        if turn.iter().any(|server| server.password.is_empty()) {
            let password = self.password()?;
            for server in turn.iter_mut().filter(|server| server.password.is_empty()) {
                server.password = password.clone();
            }
        }
        Ok(Servers {
            stun: self.stun.clone(),
            turn,
            relay_only: self.relay_only,
        })
    }

    pub(super) fn turn_ca(&self) -> Option<PathBuf> {
        self.turn_ca.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stun.is_empty() && self.turn.is_empty()
    }

    fn password(&self) -> Result<Zeroizing<String>, Failed> {
        let Some(file) = &self.turn_password_file else {
            let known = std::env::var(PASSWORD);
            return known.map(Zeroizing::new).map_err(|_| {
                Failed::usage(format!(
                    "the TURN server needs a password: set {PASSWORD}, or name a file with --turn-password-file"
                ))
            });
        };
        let read = files::read(file).and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(io::Error::other)?;
            Ok(Zeroizing::new(text.to_owned()))
        });
        let text = read.map_err(|error| {
            Failed::usage(format!(
                "{} cannot be read ({error}): name a file with the password of the TURN server",
                file.display()
            ))
        })?;
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let line = text.lines().next().unwrap_or_default();
        Ok(Zeroizing::new(line.to_owned()))
    }
}
