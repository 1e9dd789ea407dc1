//! What is kept of a datagram's contents, and what must not be.
use super::{Datagram, Direction, Fate, Kind, Stun, Transport, dtls_records};
use crate::ice::stun_kind;
use std::net::SocketAddr;

/// A datagram on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing<'a> {
    pub(super) component_id: u16,
    pub(super) direction: Direction,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) transport: Option<Transport>,
    pub(super) fate: Option<Fate>,
    /// Why it was dropped.
    pub(super) reason: Option<&'a str>,
    /// Its number if it waits for its turn.
    pub(super) waits: Option<u64>,
    /// Whether it is known to be the application's, whatever it looks like.
    pub(super) of_application: bool,
    pub(super) bytes: &'a [u8],
}

impl Passing<'_> {
    /// The line about it.
    pub(super) fn describe(&self) -> Datagram {
        let kind = kind_of(self.bytes);
        let mut datagram = Datagram {
            component_id: self.component_id,
            direction: self.direction,
            local: self.local,
            remote: self.remote,
            transport: self.transport,
            bytes: u16::try_from(self.bytes.len()).unwrap_or(u16::MAX),
            kind,
            relays: None,
            fate: self.fate,
            reason: self.reason.map(str::to_owned),
            waits: self.waits,
            stun: None,
            contents: None,
        };
        match kind {
            _ if self.of_application => {}
            Kind::Stun => {
                datagram.stun = Some(Stun::read(self.bytes));
                datagram.relays = super::stun::data(self.bytes).map(kind_of);
                datagram.contents = Some(super::stun::without_secrets(self.bytes));
            }
            // The first byte alone may be anybody's; the layout of records is not.
            Kind::Dtls if dtls_records(self.bytes).is_some() => {
                datagram.contents = Some(self.bytes.to_vec());
            }
            Kind::TurnChannel => datagram.relays = channel_data(self.bytes).map(kind_of),
            Kind::Dtls | Kind::Rtp | Kind::Other => {}
        }
        datagram
    }
}

/// By RFC 7983, and STUN by all that marks it.
fn kind_of(datagram: &[u8]) -> Kind {
    match datagram.first() {
        Some(0..=3) if stun_kind(datagram).is_some() => Kind::Stun,
        Some(20..=63) => Kind::Dtls,
        Some(64..=79) => Kind::TurnChannel,
        Some(128..=191) => Kind::Rtp,
        _ => Kind::Other,
    }
}

/// What stands behind a channel's number and a length (RFC 8656, section 12.4).
fn channel_data(message: &[u8]) -> Option<&[u8]> {
    let (&[_, _, high, low], data) = message.split_first_chunk()?;
    data.get(..usize::from(u16::from_be_bytes([high, low])))
}

/// Contents are base64 in a line (RFC 4648, section 4).
pub(super) mod base64 {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        contents: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match contents {
            Some(contents) => serializer.serialize_str(&BASE64_STANDARD.encode(contents)),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| BASE64_STANDARD.decode(text).map_err(D::Error::custom))
            .transpose()
    }
}
