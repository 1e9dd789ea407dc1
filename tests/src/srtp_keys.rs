//! What a DTLS-SRTP handshake agrees on.

/// The handshake data type `srtp-keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrtpKeys {
    /// IANA's number.
    pub profile: u16,
    /// Key and salt of this side's.
    pub local: Vec<u8>,
    /// And of its peer's.
    pub remote: Vec<u8>,
}

impl SrtpKeys {
    /// Takes handshake data apart.
    ///
    /// # Panics
    /// They are of another type.
    pub fn parse(data: &[u8]) -> Self {
        let (&[high, low, key, salt], keys) = data.split_first_chunk().expect("four bytes lead");
        let half = usize::from(key) + usize::from(salt);
        assert_eq!(keys.len(), 2 * half, "a key and a salt each");
        assert!(half > 0, "there are keys");
        Self {
            profile: u16::from_be_bytes([high, low]),
            local: keys[..half].to_vec(),
            remote: keys[half..].to_vec(),
        }
    }

    /// What its peer has.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self {
            local: self.remote,
            remote: self.local,
            ..self
        }
    }
}
