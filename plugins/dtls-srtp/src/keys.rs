//! What the handshake agreed on: SRTP keys (RFC 5764, section 4.2).
use dimpl::SrtpProfile;
use handclasp_plugin::{Error, ErrorKind, Result, Role};
use zeroize::Zeroizing;

/// The label of the exporter that SRTP keys come from.
pub(crate) const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";

/// The exporter's output and how to cut it up.
pub(crate) struct SrtpKeys {
    /// IANA's number for the protection profile.
    profile: u16,
    /// Bytes of a key; the rest of each side's half is salt.
    key_len: usize,
    /// Client key, server key, client salt, server salt.
    material: Zeroizing<Vec<u8>>,
}

impl SrtpKeys {
    pub(crate) fn new(profile: SrtpProfile, material: &[u8]) -> Result<Self> {
        let (profile, key_len, salt_len) = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => (0x0001, 16, 14),
            SrtpProfile::AEAD_AES_128_GCM => (0x0007, 16, 12),
            SrtpProfile::AEAD_AES_256_GCM => (0x0008, 32, 12),
            unknown => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format_args!(
                        "DTLS agreed on {unknown}, an SRTP profile this plugin does not know"
                    ),
                ));
            }
        };
        if material.len() != 2 * (key_len + salt_len) {
            return Err(Error::new(
                ErrorKind::Internal,
                "DTLS exported SRTP keys of the wrong length",
            ));
        }
        Ok(Self {
            profile,
            key_len,
            material: Zeroizing::new(material.to_vec()),
        })
    }

    /// The handshake data `srtp-keys`: profile, lengths, then key and salt of this side and of the peer.
    pub(crate) fn handshake_data(&self, role: Role) -> Zeroizing<Vec<u8>> {
        let (keys, salts) = self.material.split_at(2 * self.key_len);
        let salt_len = salts.len() / 2;
        let (client_key, server_key) = keys.split_at(self.key_len);
        let (client_salt, server_salt) = salts.split_at(salt_len);
        let (client, server) = ([client_key, client_salt], [server_key, server_salt]);
        let (local, remote) = match role {
            Role::Initiator => (client, server),
            Role::Responder => (server, client),
        };

        // Of its final size from the start: growing would leave keys behind in freed memory.
        let mut data = Zeroizing::new(Vec::with_capacity(4 + self.material.len()));
        data.extend_from_slice(&self.profile.to_be_bytes());
        data.extend_from_slice(&[self.key_len as u8, salt_len as u8]);
        for part in local.into_iter().chain(remote) {
            data.extend_from_slice(part);
        }
        data
    }

    /// The exporter's output as a whole: all that dimpl lets out of a session.
    pub(crate) fn export(
        &self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<()> {
        if label != LABEL || context.is_some() || out.len() != self.material.len() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format_args!(
                    "this plugin exports {} bytes under EXTRACTOR-dtls_srtp without a context, and nothing else",
                    self.material.len()
                ),
            ));
        }
        out.copy_from_slice(&self.material);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn material(len: u8) -> Vec<u8> {
        (0..len).collect()
    }

    #[test]
    fn the_layout_is_profile_lengths_local_remote() {
        let keys = SrtpKeys::new(SrtpProfile::AES128_CM_SHA1_80, &material(60)).unwrap();
        let mut client = vec![0x00, 0x01, 16, 14];
        client.extend((0..16).chain(32..46)); // client key, client salt
        client.extend((16..32).chain(46..60)); // server key, server salt
        assert_eq!(*keys.handshake_data(Role::Initiator), client);
    }

    #[test]
    fn what_is_local_to_one_side_is_remote_to_the_other() {
        for (profile, number, len) in [
            (SrtpProfile::AES128_CM_SHA1_80, 0x0001u16, 60),
            (SrtpProfile::AEAD_AES_128_GCM, 0x0007, 56),
            (SrtpProfile::AEAD_AES_256_GCM, 0x0008, 88),
        ] {
            let keys = SrtpKeys::new(profile, &material(len)).unwrap();
            let client = keys.handshake_data(Role::Initiator);
            let server = keys.handshake_data(Role::Responder);
            let half = usize::from(len) / 2;
            assert_eq!(client[..2], number.to_be_bytes());
            assert_eq!(client[..4], server[..4]);
            assert_eq!(client[4..4 + half], server[4 + half..]);
            assert_eq!(client[4 + half..], server[4..4 + half]);
        }
    }

    #[test]
    fn material_of_another_length_is_refused() {
        assert!(SrtpKeys::new(SrtpProfile::AEAD_AES_128_GCM, &material(60)).is_err());
    }

    #[test]
    fn only_the_srtp_exporter_is_served() {
        let keys = SrtpKeys::new(SrtpProfile::AEAD_AES_128_GCM, &material(56)).unwrap();
        let mut out = [0; 56];
        keys.export(LABEL, None, &mut out).unwrap();
        assert_eq!(out.as_slice(), material(56));
        assert!(keys.export(LABEL, Some(b""), &mut out).is_err());
        assert!(keys.export(b"EXPERIMENTAL", None, &mut out).is_err());
        assert!(keys.export(LABEL, None, &mut out[..55]).is_err());
    }
}
