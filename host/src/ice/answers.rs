//! Answers to checks that the core neither reads nor writes.

use std::net::SocketAddr;

use stun_proto::types::attribute::{AttributeType, ErrorCode, UnknownAttributes, XorMappedAddress};
use stun_proto::types::message::{
    BINDING, IntegrityAlgorithm, Message, MessageClass, MessageIntegrityCredentials, MessageType,
    MessageWrite as _, MessageWriteExt as _, MessageWriteVec, ShortTermCredentials,
};

use super::attributes::has_mapped_address;
use super::stun::TransactionId;

/// A Binding success that names no XOR-MAPPED-ADDRESS, with `base` for one, if it is signed with `pwd`;
/// `None` for all else. FFmpeg 9 answers so. The answer proves the same as any other: the address asked has
/// seen the check, and knows the password.
pub(super) fn completed(answer: &[u8], base: SocketAddr, pwd: &str) -> Option<Vec<u8>> {
    let success = MessageType::from_class_method(MessageClass::Success, BINDING);
    if answer[..2] != success.to_bytes() || has_mapped_address(answer) {
        return None;
    }
    let message = Message::from_bytes(answer).ok()?;
    message.validate_integrity(&credentials(pwd)).ok()?;
    let id = u128::from(message.transaction_id()).to_be_bytes();
    self::success(id[4..].try_into().ok()?, base, pwd)
}

/// A success that tells of `mapped`.
pub(super) fn success(
    transaction: TransactionId,
    mapped: SocketAddr,
    pwd: &str,
) -> Option<Vec<u8>> {
    let success = MessageType::from_class_method(MessageClass::Success, BINDING);
    let id = id(transaction);
    let mut answer = Message::builder(success, id, MessageWriteVec::new());
    answer
        .add_attribute(&XorMappedAddress::new(mapped, id))
        .ok()?;
    sign(answer, &credentials(pwd))
}

/// The answer to a request with attributes that must be understood and are not (RFC 8489 §6.3.1).
pub(super) fn unknown_attributes(
    transaction: TransactionId,
    unknown: &[u16],
    pwd: &str,
) -> Option<Vec<u8>> {
    let error = MessageType::from_class_method(MessageClass::Error, BINDING);
    let mut answer = Message::builder(error, id(transaction), MessageWriteVec::new());
    let code = ErrorCode::new(420, "Unknown Attribute").ok()?;
    answer.add_attribute(&code).ok()?;
    let unknown: Vec<_> = unknown.iter().copied().map(AttributeType::new).collect();
    answer
        .add_attribute(&UnknownAttributes::new(&unknown))
        .ok()?;
    sign(answer, &credentials(pwd))
}

fn id(transaction: TransactionId) -> stun_proto::types::message::TransactionId {
    let mut id = [0; 16];
    id[4..].copy_from_slice(&transaction);
    u128::from_be_bytes(id).into()
}

pub(super) fn credentials(pwd: &str) -> MessageIntegrityCredentials {
    ShortTermCredentials::new(pwd.to_owned()).into()
}

pub(super) fn sign(
    mut message: MessageWriteVec,
    credentials: &MessageIntegrityCredentials,
) -> Option<Vec<u8>> {
    message
        .add_message_integrity(credentials, IntegrityAlgorithm::Sha1)
        .ok()?;
    message.add_fingerprint().ok()?;
    Some(message.finish())
}
