//! What a TURN server is asked and sent (RFC 8656 §18), in bytes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use stun_proto::auth::LongTermClientAuth;
use stun_proto::types::message::{
    Message, MessageWrite as _, MessageWriteExt as _, MessageWriteVec, Method, StunWriteError,
};
use turn_types::AddressFamily;
use turn_types::attribute::{
    AdditionalAddressFamily, ChannelNumber, Data, Lifetime, RequestedAddressFamily,
    RequestedTransport, XorPeerAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};

/// How long an allocation is to live; the server may say less.
const LIFETIME: Duration = Duration::from_secs(1800);
/// Room for a request with its credentials.
const REQUEST: usize = 512;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// A relayed address of each of these families.
    Allocate(Families),
    /// That the allocation lives on.
    Refresh,
    /// The end of the allocation.
    Release,
    /// A permission (RFC 8656 §9).
    Permit(IpAddr),
    /// A channel of this number (RFC 8656 §12).
    Bind(SocketAddr, u16),
}

/// The families of relayed addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Families {
    Ipv4,
    Both,
    Ipv6,
}

impl Ask {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Allocate(_) => ALLOCATE,
            Self::Refresh | Self::Release => REFRESH,
            Self::Permit(_) => CREATE_PERMISSION,
            Self::Bind(..) => CHANNEL_BIND,
        }
    }
}

/// A request, with the credentials as far as the server has asked for them.
///
/// # Errors
/// What the server gave for the credentials cannot be written.
pub(super) fn request(ask: Ask, auth: &mut LongTermClientAuth) -> Result<Vec<u8>, StunWriteError> {
    let buffer = MessageWriteVec::with_capacity(REQUEST);
    let mut message = Message::builder_request(ask.method(), buffer);
    let transaction = message.transaction_id();
    let peer = |peer| XorPeerAddress::new(peer, transaction);
    let seconds = u32::try_from(LIFETIME.as_secs()).expect("it is short");
    match ask {
        Ask::Allocate(families) => {
            message.add_attribute(&RequestedTransport::new(RequestedTransport::UDP))?;
            message.add_attribute(&Lifetime::new(seconds))?;
            match families {
                Families::Ipv4 => {}
                Families::Both => {
                    message.add_attribute(&AdditionalAddressFamily::new(AddressFamily::IPV6))?;
                }
                Families::Ipv6 => {
                    message.add_attribute(&RequestedAddressFamily::new(AddressFamily::IPV6))?;
                }
            }
        }
        Ask::Refresh => message.add_attribute(&Lifetime::new(seconds))?,
        Ask::Release => message.add_attribute(&Lifetime::new(0))?,
        Ask::Permit(ip) => message.add_attribute(&peer(SocketAddr::new(ip, 0)))?,
        Ask::Bind(address, number) => {
            message.add_attribute(&ChannelNumber::new(number))?;
            message.add_attribute(&peer(address))?;
        }
    }
    Ok(auth.sign_outgoing_message(message)?.finish())
}

/// A Send indication. `data` is [short enough](indication_length).
pub(super) fn indication(peer: SocketAddr, data: &[u8]) -> Result<Vec<u8>, StunWriteError> {
    let buffer = MessageWriteVec::with_capacity(indication_length(peer, data));
    let mut message = Message::builder_indication(SEND, buffer);
    message.add_attribute(&XorPeerAddress::new(peer, message.transaction_id()))?;
    message.add_attribute(&Data::new(data))?;
    Ok(message.finish())
}

/// Bytes of a Send indication: a header, XOR-PEER-ADDRESS, and DATA, padded to four bytes.
pub(super) fn indication_length(peer: SocketAddr, data: &[u8]) -> usize {
    let address = if peer.is_ipv4() { 12 } else { 24 };
    20 + address + 4 + data.len().next_multiple_of(4)
}

/// ChannelData (RFC 8656 §12.4), not padded. `data` has 65,535 bytes at most.
pub(super) fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("it was measured");
    let mut message = Vec::with_capacity(channel_length(data));
    message.extend_from_slice(&number.to_be_bytes());
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(data);
    message
}

/// Bytes of ChannelData.
pub(super) fn channel_length(data: &[u8]) -> usize {
    4 + data.len()
}
