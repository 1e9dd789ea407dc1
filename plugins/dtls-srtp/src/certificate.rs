//! One certificate for all components of a stream.
use crate::fingerprint::Fingerprint;
use crate::signing::Key;
use dimpl::DtlsCertificate;
use handclasp_plugin::{Error, ErrorKind, Result};
use rcgen::{CertificateParams, DistinguishedName, DnType, SerialNumber};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use time::{Duration, OffsetDateTime};

/// The identities in use, by stream.
static IDENTITIES: Mutex<Option<HashMap<u64, Weak<Identity>>>> = Mutex::new(None);

/// An ECDSA certificate with its key. One made here is on P-256, and gone with the last component of its stream.
pub(crate) struct Identity {
    /// Whose components share it; nothing if it was given.
    stream_id: Option<u64>,
    certificate: DtlsCertificate,
    /// What the certificate's key is the name of, if it was made here.
    _key: Option<Arc<Key>>,
}

impl Identity {
    /// The stream's identity, made by whichever component asks first.
    ///
    /// # Errors
    /// `Internal` if the system has no randomness to give.
    pub(crate) fn of(stream_id: u64) -> Result<Arc<Self>> {
        // Held while the certificate is made (tens of microseconds), so that no two are made for one stream.
        let mut guard = identities();
        let identities = guard.get_or_insert_default();
        if let Some(identity) = identities.get(&stream_id).and_then(Weak::upgrade) {
            return Ok(identity);
        }
        let (certificate, key) = self_signed()?;
        let identity = Arc::new(Self {
            stream_id: Some(stream_id),
            certificate,
            _key: Some(key),
        });
        identities.insert(stream_id, Arc::downgrade(&identity));
        Ok(identity)
    }

    /// An identity from elsewhere.
    pub(crate) fn given(certificate: DtlsCertificate) -> Arc<Self> {
        Arc::new(Self {
            stream_id: None,
            certificate,
            _key: None,
        })
    }

    /// Certificate and private key.
    pub(crate) fn certificate(&self) -> &DtlsCertificate {
        &self.certificate
    }

    /// What the peer has to know: lines of SDP attributes.
    pub(crate) fn init_data(&self) -> String {
        let fingerprint = Fingerprint::sha256(&self.certificate.certificate);
        format!("fingerprint:{fingerprint}")
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let Some(stream_id) = self.stream_id else {
            return;
        };
        let mut guard = identities();
        let identities = guard.get_or_insert_default();
        // Another component may have made the stream's next identity since this one's last went.
        if identities
            .get(&stream_id)
            .is_some_and(|identity| identity.strong_count() == 0)
        {
            identities.remove(&stream_id);
        }
    }
}

/// A certificate that says nothing but its key: who looks at it goes by its fingerprint (RFC 8122).
fn self_signed() -> Result<(DtlsCertificate, Arc<Key>)> {
    let failed = |reason: &str| {
        Error::new(
            ErrorKind::Internal,
            format_args!("no certificate could be made for DTLS: {reason}"),
        )
    };
    let key = Key::generate().ok_or_else(|| failed("the system has no randomness to give"))?;
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial)
        .map_err(|_| failed("the system has no randomness to give"))?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "WebRTC");
    let now = OffsetDateTime::now_utc();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name;
    // Firefox wants it to be unlike all others' of the same name.
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    // A peer's clock may be wrong.
    parameters.not_before = now - Duration::days(1);
    parameters.not_after = now + Duration::days(30);
    let certificate = parameters
        .self_signed(&*key)
        .map_err(|error| failed(&error.to_string()))?;
    let pair = DtlsCertificate {
        certificate: certificate.der().to_vec(),
        private_key: key.name(),
    };
    Ok((pair, key))
}

fn identities() -> MutexGuard<'static, Option<HashMap<u64, Weak<Identity>>>> {
    // No panic leaves the map half changed.
    IDENTITIES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn is_known(stream_id: u64) -> bool {
        let guard = identities();
        guard
            .as_ref()
            .is_some_and(|identities| identities.contains_key(&stream_id))
    }

    #[test]
    fn components_of_a_stream_share_and_streams_do_not() {
        let rtp = Identity::of(1_001).unwrap();
        let rtcp = Identity::of(1_001).unwrap();
        let other = Identity::of(1_002).unwrap();
        assert!(Arc::ptr_eq(&rtp, &rtcp));
        assert_eq!(rtp.init_data(), rtcp.init_data());
        assert_ne!(rtp.init_data(), other.init_data());
    }

    #[test]
    fn an_identity_goes_with_the_last_component() {
        let rtp = Identity::of(1_003).unwrap();
        let rtcp = Identity::of(1_003).unwrap();
        let before = rtp.init_data();
        drop(rtp);
        assert!(is_known(1_003));
        drop(rtcp);
        assert!(!is_known(1_003));
        assert_ne!(Identity::of(1_003).unwrap().init_data(), before);
    }

    #[test]
    fn components_started_at_once_share_too() {
        let identities: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Identity::of(1_004).unwrap()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(
            identities
                .iter()
                .all(|identity| Arc::ptr_eq(identity, &identities[0]))
        );
    }

    #[test]
    fn the_init_data_is_a_line_without_prefix() {
        let line = Identity::of(1_005).unwrap().init_data();
        assert!(line.starts_with("fingerprint:sha-256 "));
        assert!(!line.contains('\n'));
    }
}
