//! Checks between long ufrags: the core writes a USERNAME of 128 bytes at most, and RFC 8839, section 5.4 allows 513.
//!
//! The core knows a long ufrag by its beginning. What it sends is renamed on the way out, and what comes on the way in.

use std::borrow::Cow;

use stun_proto::types::attribute::{AttributeType, RawAttribute, Username};
use stun_proto::types::message::{Message, MessageWriteExt as _, MessageWriteVec};

use super::Credentials;
use super::answers::{credentials, sign};
use super::attributes::{FINGERPRINT, USERNAME, covered};

/// What the core can have of each of two ufrags, in bytes.
const IN_CORE: usize = 63;
/// What stands for the rest of a long one; no ufrag has it.
const CUT: &str = "~";

/// A ufrag as the core has it.
pub(super) fn in_core(ufrag: &str) -> Cow<'_, str> {
    match ufrag.get(..IN_CORE - CUT.len()) {
        Some(beginning) if ufrag.len() > IN_CORE => Cow::Owned(format!("{beginning}{CUT}")),
        _ => Cow::Borrowed(ufrag),
    }
}

/// A check that has come, as the core would have written it. One that is not authentic, or not the peer's, stays as it
/// is: the core takes none that names a long ufrag.
pub(super) fn to_core<'a>(
    check: &'a [u8],
    local: &Credentials,
    remote: Option<&Credentials>,
) -> Cow<'a, [u8]> {
    let username = covered(check).find(|attribute| attribute.kind == USERNAME);
    let username = username.and_then(|attribute| std::str::from_utf8(attribute.value).ok());
    let short = username.and_then(|username| {
        let (to, from) = username.split_once(':')?;
        let is_short = in_core(to) == to && in_core(from) == from;
        let is_of_peer = remote.is_none_or(|remote| remote.ufrag() == from);
        (!is_short && is_of_peer).then(|| format!("{}:{}", in_core(to), in_core(from)))
    });
    let renamed = short.and_then(|short| renamed(check, &short, local.pwd()));
    renamed.map_or(Cow::Borrowed(check), Cow::Owned)
}

/// A check of the core's with another USERNAME, signed with `pwd` as it is.
pub(super) fn renamed(check: &[u8], username: &str, pwd: &str) -> Option<Vec<u8>> {
    let credentials = credentials(pwd);
    let message = Message::from_bytes(check).ok()?;
    message.validate_integrity(&credentials).ok()?;
    let kind = message.get_type();
    let mut renamed = Message::builder(kind, message.transaction_id(), MessageWriteVec::new());
    renamed.add_attribute(&Username::new(username).ok()?).ok()?;
    let others = covered(check).filter(|it| ![USERNAME, FINGERPRINT].contains(&it.kind));
    for attribute in others {
        let kind = AttributeType::new(attribute.kind);
        renamed
            .add_attribute(&RawAttribute::new(kind, attribute.value))
            .ok()?;
    }
    sign(renamed, &credentials)
}
