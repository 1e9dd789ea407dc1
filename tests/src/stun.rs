//! Connectivity checks and their answers, of whoever sends them.
use is::stun::{StunMessage, TransId};
use is::{DefaultSha1HmacProvider, Sha1HmacProvider as _};

/// A Binding request as ICE's checks are (RFC 8445, section 7.1.1), whatever the user's name and the password are.
pub fn binding_request(username: &str, password: &str, controlling: bool) -> Vec<u8> {
    let id = TransId::new();
    let priority = 1_845_501_695;
    let request = StunMessage::binding_request(username, id, controlling, 1, priority, false);
    authentic(request, password)
}

/// The message with a MESSAGE-INTEGRITY that `password` makes.
pub fn authentic(message: StunMessage<'_>, password: &str) -> Vec<u8> {
    let mut buffer = vec![0; 600];
    let length = message
        .to_bytes(Some(password.as_bytes()), &mut buffer, |key, parts| {
            DefaultSha1HmacProvider.sha1_hmac(key, parts)
        })
        .expect("it fits");
    buffer.truncate(length);
    buffer
}
