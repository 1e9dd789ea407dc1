//! TLS sessions with relays.
use super::Peer;
use super::session::Session;
use super::words::words;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// A session that has not begun.
pub(super) fn session(peer: &Peer<'_>) -> io::Result<Session> {
    let config = peer.trust.ok_or(ErrorKind::Unsupported)?;
    let name = ServerName::try_from(peer.host.to_owned())
        .map_err(|_| io::Error::other("no certificate can be for its name"))?;
    let connection = ClientConnection::new(Arc::clone(config), name)
        .map_err(|error| io::Error::other(words(&error)))?;
    Ok(Session::new(connection))
}
