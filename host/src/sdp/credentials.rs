use super::SdpError;
use std::ops::RangeInclusive;

/// Refuses ICE credentials that RFC 8839, section 5.4 does not allow: a username fragment has 4 to 256
/// characters, a password 22 to 256, each a letter, a digit, `+` or `/`.
pub fn check_credentials(ufrag: &str, pwd: &str) -> Result<(), SdpError> {
    if !is_ice_string(ufrag, 4..=256) {
        return Err(SdpError::BadUfrag);
    }
    if !is_ice_string(pwd, 22..=256) {
        return Err(SdpError::BadPwd);
    }
    Ok(())
}

fn is_ice_string(text: &str, length: RangeInclusive<usize>) -> bool {
    let is_ice_char = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    length.contains(&text.len()) && text.bytes().all(is_ice_char)
}
