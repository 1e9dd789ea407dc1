//! The name of a key of minisign.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The id of the key in the text of a public key or a signature, as minisign shows it. Both begin alike: two letters for
/// the algorithm, and eight bytes for the id.
pub(super) fn key_id(base64: &str) -> Option<String> {
    let bytes = STANDARD.decode(base64).ok()?;
    let id = bytes.get(2..10)?.try_into().ok()?;
    Some(format!("{:X}", u64::from_le_bytes(id)))
}

#[cfg(test)]
mod tests {
    use super::key_id;

    #[test]
    fn an_id_is_as_minisign_shows_it() {
        let key = "RWTCezYZcedaEo7Fuf0u4SdZohpzzxzrJ+Lp/unfREiU9ADwNzL1E6L6";
        assert_eq!(key_id(key).as_deref(), Some("125AE77119367BC2"));
        assert_eq!((key_id("RWTC"), key_id("?")), (None, None));
    }
}
