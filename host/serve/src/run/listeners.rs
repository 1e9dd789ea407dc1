//! What the daemon listens at.
use super::ServeError;
use crate::config::Config;
use crate::control::SocketError;
use crate::port_holder;
use crate::settings::Settings;
use handclasp::Host;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

/// Binds the port that all streams share.
pub(super) fn bind(host: &Host, settings: &Settings, port: u16) -> Result<(), ServeError> {
    let taken = || {
        let by = match port_holder::holder(port) {
            Some((process, name)) => format!(" by {name}, process {process}"),
            None => String::new(),
        };
        ServeError::Port {
            reason: format!("UDP port {port} is in use{by}: end that, or set another one"),
        }
    };
    let none = std::iter::empty();
    let bound = host.bind_shared(&settings.stream_options(false, "none", none));
    let bound = bound.map_err(|error| match port_holder::holder(port) {
        Some(_) => taken(),
        None => ServeError::Port {
            reason: error.to_string(),
        },
    })?;
    match bound.iter().find(|address| address.port() != port) {
        Some(_) => Err(taken()),
        None => Ok(()),
    }
}

/// Where controllers connect over TCP, and the token that they must show.
pub(super) fn listen_for_controllers(
    config: &Config,
    inherited: Option<Inherited>,
) -> Result<Option<(TcpListener, Arc<str>)>, ServeError> {
    let (Some(address), Some(token)) = (config.control.tcp, config.control.token()?) else {
        return Ok(None);
    };
    let listener = listen_at(address, inherited);
    let listener = listener.map_err(|error| ServeError::Tcp { address, error })?;
    Ok(Some((listener, Arc::from(token.as_str()))))
}

/// Where metrics and health are served, if they are.
pub(super) fn listen_for_http(
    config: &Config,
    inherited: Option<Inherited>,
) -> Result<Option<TcpListener>, ServeError> {
    let Some(address) = config.metrics.listen else {
        return Ok(None);
    };
    let listener = listen_at(address, inherited);
    let listener = listener.map_err(|error| ServeError::Metrics { address, error })?;
    tracing::info!("metrics and health are at http://{address}/");
    Ok(Some(listener))
}

/// A listener of another daemon's, and its address.
type Inherited = (SocketAddr, OwnedFd);

/// The one that another daemon had, if it was at the same address.
fn listen_at(address: SocketAddr, inherited: Option<Inherited>) -> io::Result<TcpListener> {
    let listener = match inherited.filter(|(at, _)| *at == address) {
        Some((_, listener)) => TcpListener::from(listener),
        None => TcpListener::bind(address)?,
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The number of a group of users.
pub(super) fn group(name: &str) -> Result<u32, ServeError> {
    let groups = std::fs::read_to_string("/etc/group")?;
    let found = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    });
    let number = found.or_else(|| name.parse().ok());
    number.ok_or_else(|| {
        ServeError::Socket(SocketError::Group {
            path: PathBuf::from(name),
            error: io::Error::new(io::ErrorKind::NotFound, "there is no such group"),
        })
    })
}
