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

    /// The key of each direction, without its salt.
    pub(super) fn keys(self) -> [&'a [u8]; 2] {
        let key = usize::from(self.head[2]);
        [&self.local[..key], &self.remote[..key]]
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

/// Bytes of the key and the salt of each profile that IANA's registry of DTLS-SRTP protection profiles has (RFC 5764,
/// 7714, 8269 and 8723).
const LENGTHS: [(u16, u8, u8); 12] = [
    (1, 16, 14),
    (2, 16, 14),
    (7, 16, 12),
    (8, 32, 12),
    (9, 32, 24),
    (10, 64, 24),
    (11, 16, 14),
    (12, 16, 14),
    (13, 32, 14),
    (14, 32, 14),
    (15, 16, 12),
    (16, 32, 12),
];

/// Whether handshake data are as the type says.
///
/// # Errors
/// What they are instead, as a sentence.
pub(super) fn check(data: &[u8]) -> Result<(), String> {
    let Some((&[high, low, key, salt], keys)) = data.split_first_chunk() else {
        return Err(format!("{} bytes are too few for its head", data.len()));
    };
    let profile = u16::from_be_bytes([high, low]);
    match LENGTHS.iter().find(|(known, ..)| *known == profile) {
        Some((_, known_key, known_salt)) if (*known_key, *known_salt) != (key, salt) => {
            return Err(format!(
                "profile {profile} has keys of {known_key} bytes and salts of {known_salt}, not {key} and {salt}"
            ));
        }
        _ => {}
    }
    let due = 2 * (usize::from(key) + usize::from(salt));
    match keys.len() == due {
        true => Ok(()),
        false => Err(format!(
            "two keys of {key} bytes and two salts of {salt} are {due} bytes, not {}",
            keys.len()
        )),
    }
}
