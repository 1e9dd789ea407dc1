/// The handshake data type `srtp-keys`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SrtpKeys {
    /// IANA's number.
    pub(crate) profile: u16,
    pub(crate) local: Vec<u8>,
    pub(crate) remote: Vec<u8>,
}

impl SrtpKeys {
    pub(crate) fn parse(data: &[u8]) -> Self {
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
    pub(crate) fn mirrored(self) -> Self {
        Self {
            local: self.remote,
            remote: self.local,
            ..self
        }
    }
}
