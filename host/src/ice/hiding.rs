//! Names in place of our own addresses (draft-ietf-mmusic-mdns-ice-candidates, section 3.1).

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::announced::{Announced, rule_for};

/// Gives each address of a stream a name, the same in all components, and in no other stream.
///
/// The names are drawn from a secret of the stream's, so that nobody can guess the name of an address, or the
/// address behind a name.
pub struct Hiding {
    secret: [u8; 32],
}

impl Hiding {
    /// With a fresh secret from the operating system's CSPRNG.
    pub fn generate() -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the system's CSPRNG does not fail once it is seeded");
        Self { secret }
    }

    /// `<uuid>.local`, the UUID of version 4 (RFC 9562, section 5.4): 122 bits that look random.
    pub(crate) fn name(&self, address: IpAddr) -> String {
        let digest = match address {
            IpAddr::V4(address) => self.digest(&address.octets()),
            IpAddr::V6(address) => self.digest(&address.octets()),
        };
        let first = digest.first_chunk().copied().unwrap_or_default();
        let version_4 = u128::from_be_bytes(first) & !(0xf << 76) | 4 << 76;
        let uuid = version_4 & !(3 << 62) | 2 << 62;
        let text = format!("{uuid:032x}");
        let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &text[range]);
        format!("{}.local", groups.join("-"))
    }

    fn digest(&self, octets: &[u8]) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.secret);
        hash.chain_update(octets).finalize().into()
    }
}

impl fmt::Debug for Hiding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hiding")
    }
}

/// The name that the peer is told in place of a socket's address. None if addresses are told as they are, or
/// another one is announced for it.
pub(crate) fn hidden(
    hiding: Option<&Hiding>,
    rules: &[Announced],
    address: IpAddr,
) -> Option<String> {
    let hiding = hiding.filter(|_| rule_for(rules, address).is_none())?;
    Some(hiding.name(address))
}
