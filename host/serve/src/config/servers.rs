//! `[servers]`: STUN and TURN servers.
use super::key::{Heading, Key, Section, Visitor};
use super::kind::{File, Flag, FromText, ListOf};
use super::places::Places;
use super::secret::SecretError;
use super::turn::Turn;
use super::value::{Always, Maybe};
use handclasp::ice::{self, StunServer};
use std::path::PathBuf;

/// STUN and TURN servers.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    /// Each tells how this machine looks from outside.
    pub stun: Vec<StunServer>,
    /// Whether nothing but relayed candidates is used.
    pub relay_only: bool,
    /// The PEM file with the certificates that relays over TLS are trusted by.
    pub ca_file: Option<PathBuf>,
    /// Each gives a relayed candidate.
    pub turn: Vec<Turn>,
}

const URI: FromText<StunServer> = FromText {
    takes: "the URI of a STUN server, such as \"stun:stun.example.org\" or \"stun:192.0.2.1:3478\"",
    parse: |text| text.parse().map_err(|_| None),
    write: ToString::to_string,
};

impl Servers {
    /// The servers with their passwords, which are read now.
    ///
    /// # Errors
    /// A password cannot be had.
    pub fn read(&self) -> Result<ice::Servers, SecretError> {
        let turn = self
            .turn
            .iter()
            .filter_map(|turn| turn.server().transpose());
        Ok(ice::Servers {
            stun: self.stun.clone(),
            turn: turn.collect::<Result<_, _>>()?,
            relay_only: self.relay_only,
        })
    }
}

impl Section for Servers {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        visitor.key(
            Key::new("stun", "STUN servers by their URIs (RFC 7064): each tells how this machine looks from outside."),
            &mut Always(ListOf { of: URI, most: 16 }, &mut self.stun),
        );
        visitor.key(
            Key::new("relay-only", "Whether peers are reached through TURN servers only and learn no address of this machine's."),
            &mut Always(Flag, &mut self.relay_only),
        );
        visitor.key(
            Key::new("ca-file", "Trust TURN servers over TLS by the certificates in this PEM file, in place of the system's.")
                .example("\"turn-ca.pem\""),
            &mut Maybe(File, &mut self.ca_file),
        );
        let heading = Heading {
            name: "turn",
            help: "A TURN server, through which peers can be reached. There may be several such tables.",
        };
        visitor.list(heading, &mut self.turn);
    }

    fn rules(&self, places: &mut Places) {
        if self.relay_only && self.turn.is_empty() {
            places.wrong(
                "relay-only",
                "there is no TURN server to reach peers through: add one with [[servers.turn]]",
            );
        }
    }
}
