//! The handshake data type `srtp-keys`, as two sides have it.

/// What one side agreed on.
#[derive(Clone, Copy)]
pub(super) struct SrtpKeys<'a> {
    head: &'a [u8; 4],
    local: &'a [u8],
    remote: &'a [u8],
}

impl<'a> SrtpKeys<'a> {
    /// Takes handshake data apart; `None` if they are of another type.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let (head @ &[_, _, key, salt], keys) = data.split_first_chunk()?;
        let half = usize::from(key) + usize::from(salt);
        let (local, remote) = keys.split_at_checked(half)?;
        (remote.len() == half && half > 0).then_some(Self {
            head,
            local,
            remote,
        })
    }

    /// Whether these are its peer's: of the same profile, and what is local here is remote there.
    pub(super) fn mirrors(self, other: Self) -> bool {
        (self.head, self.local, self.remote) == (other.head, other.remote, other.local)
    }

    /// IANA's number.
    pub(super) fn profile(self) -> u16 {
        let [high, low, ..] = *self.head;
        u16::from_be_bytes([high, low])
    }

    /// As IANA's registry of DTLS-SRTP protection profiles has it.
    pub(super) fn profile_name(self) -> &'static str {
        match self.profile() {
            1 => "SRTP_AES128_CM_HMAC_SHA1_80",
            7 => "SRTP_AEAD_AES_128_GCM",
            8 => "SRTP_AEAD_AES_256_GCM",
            _ => "an SRTP profile this command has no name for",
        }
    }
}
