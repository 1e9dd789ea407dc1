//! What is wrong with a URI. None of it repeats the URI: there may be a password in it.

use thiserror::Error;

/// Why a text is not the URI of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerUriError {
    /// It has no `:`.
    #[error("this is no URI: write stun:HOST or turn:USER@HOST, with :PORT behind it if need be")]
    NoScheme,
    /// It is of another kind.
    #[error("the URI of this server begins with {expected}")]
    Scheme {
        /// What it may begin with.
        expected: &'static str,
    },
    /// It looks like that of a web page.
    #[error(
        "there is no // in the URI of a STUN or TURN server: write it as stun:HOST or turn:USER@HOST"
    )]
    Slashes,
    /// The host is no name, IPv4 address or bracketed IPv6 address.
    #[error("the URI names no host: write a name, an IPv4 address, or an IPv6 address in brackets")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port behind the host must be a number from 1 to 65535")]
    Port,
    /// There is no user, or one of the `%` is not followed by two hexadecimal digits.
    #[error(
        "what stands before the @ must be USER or USER:PASSWORD, with %3A for a colon in them, %40 for an @, %25 for a %"
    )]
    User,
    /// What follows the `?` is not `transport=…`.
    #[error("only ?transport=udp or ?transport=tcp may follow the host")]
    Query,
    /// The transport is another.
    #[error("the transport of a relay is udp or tcp; for TLS write turns:")]
    Transport,
    /// TURN over DTLS.
    #[error(
        "TURN over DTLS is not supported: write turns: without ?transport=udp for TLS, or turn: for UDP"
    )]
    Dtls,
    /// STUN over TLS, of which no candidate can be made.
    #[error("a candidate for UDP cannot be had over TLS: write stun: instead of stuns:")]
    StunOverTls,
    /// A user of a STUN server.
    #[error("a STUN server knows no users: leave out what stands before the @")]
    StunUser,
    /// A transport of a STUN server.
    #[error("a STUN server is asked over UDP: leave out what follows the ?")]
    StunTransport,
}

/// Why servers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServersError {
    /// A TURN server has no user or no password, or the user is too long.
    #[error(
        "{server} needs a user of 1 to 508 bytes and a password: write USER:PASSWORD@ before its host, or give the password apart"
    )]
    Credentials {
        /// Its URI.
        server: String,
    },
    /// Its host is no name and no address of a machine's.
    #[error(
        "{host:?} is no host of a STUN or TURN server: give a name, or the address of a machine without brackets"
    )]
    Host {
        /// How it begins.
        host: String,
    },
    /// Its port is 0.
    #[error("port 0 of {host} is no server's: give 1 to 65535, such as 3478")]
    Port {
        /// Its host.
        host: String,
    },
    /// Only relays are to be used.
    #[error("there is no TURN server, and only relays are to be used: name one")]
    NoRelay,
}
