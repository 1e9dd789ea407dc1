//! One certificate for all components of a stream.
use crate::fingerprint::Fingerprint;
use crate::signing::Key;
use dimpl::DtlsCertificate;
use handclasp_plugin::{Error, ErrorKind, Result};
use rcgen::{CertificateParams, DistinguishedName, DnType, SerialNumber};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;
/// The end of 9999, the last year that a certificate can name.
const LAST: u64 = 253_402_300_799;

/// Whose components share an identity: a host, by its id, and a stream of its. Another host in this process may number
/// its streams alike.
pub(crate) type Owner = (usize, u64);

/// The identities in use.
static IDENTITIES: Mutex<Option<HashMap<Owner, Weak<Identity>>>> = Mutex::new(None);

/// An ECDSA certificate with its key. One made here is on P-256, and gone with the last component of its stream.
pub(crate) struct Identity {
    /// Nobody in particular if it was given.
    owner: Option<Owner>,
    certificate: DtlsCertificate,
    /// What the certificate's key is the name of, if it was made here.
    _key: Option<Arc<Key>>,
}

impl Identity {
    /// The stream's identity, made by whichever component asks first.
    ///
    /// # Errors
    /// `Internal` if the system has no randomness to give.
    pub(crate) fn of(owner: Owner) -> Result<Arc<Self>> {
        // Held while the certificate is made (tens of microseconds), so that no two are made for one stream.
        let mut guard = identities();
        let identities = guard.get_or_insert_default();
        if let Some(identity) = identities.get(&owner).and_then(Weak::upgrade) {
            return Ok(identity);
        }
        let (certificate, key) = self_signed()?;
        let identity = Arc::new(Self {
            owner: Some(owner),
            certificate,
            _key: Some(key),
        });
        identities.insert(owner, Arc::downgrade(&identity));
        Ok(identity)
    }

    /// An identity from elsewhere.
    pub(crate) fn given(certificate: DtlsCertificate) -> Arc<Self> {
        Arc::new(Self {
            owner: None,
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
        let Some(owner) = self.owner else {
            return;
        };
        let mut guard = identities();
        let identities = guard.get_or_insert_default();
        // Another component may have made the stream's next identity since this one's last went.
        if identities
            .get(&owner)
            .is_some_and(|identity| identity.strong_count() == 0)
        {
            identities.remove(&owner);
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
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.unwrap_or_default().as_secs();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name;
    // Firefox wants it to be unlike all others' of the same name.
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    // A peer's clock may be wrong, and so may this machine's.
    parameters.not_before = date(now.saturating_sub(DAY));
    parameters.not_after = date(now.saturating_add(30 * DAY));
    let certificate = parameters
        .self_signed(&*key)
        .map_err(|error| failed(&error.to_string()))?;
    let pair = DtlsCertificate {
        certificate: certificate.der().to_vec(),
        private_key: key.name(),
    };
    Ok((pair, key))
}

/// Seconds since the epoch as a date that any peer can read: until the end of 9999, and none before 1970.
fn date(seconds: u64) -> OffsetDateTime {
    let seconds = i64::try_from(seconds.min(LAST)).unwrap_or_default();
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn identities() -> MutexGuard<'static, Option<HashMap<Owner, Weak<Identity>>>> {
    // No panic leaves the map half changed.
    IDENTITIES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Identity {
    /// One with a certificate of almost so many bytes.
    pub(crate) fn large(len: usize) -> Arc<Self> {
        let key = Key::generate().expect("the system has randomness");
        let mut parameters = CertificateParams::default();
        let filling = rcgen::CustomExtension::from_oid_content(&[1, 3, 9999], vec![4; len - 400]);
        parameters.custom_extensions = vec![filling];
        let certificate = parameters.self_signed(&*key).expect("the key signs");
        assert!(
            certificate.der().len() <= len,
            "{}",
            certificate.der().len()
        );
        let certificate = DtlsCertificate {
            certificate: certificate.der().to_vec(),
            private_key: key.name(),
        };
        Arc::new(Self {
            owner: None,
            certificate,
            _key: Some(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn dates_are_within_what_can_be_written_and_read() {
        assert_eq!(date(0), OffsetDateTime::UNIX_EPOCH);
        for late in [LAST, LAST + DAY, u64::MAX] {
            assert_eq!(date(late).unix_timestamp(), 253_402_300_799);
        }
    }

    fn is_known(owner: Owner) -> bool {
        let guard = identities();
        guard
            .as_ref()
            .is_some_and(|identities| identities.contains_key(&owner))
    }

    #[test]
    fn components_of_a_stream_share_and_streams_and_hosts_do_not() {
        let rtp = Identity::of((0, 1_001)).unwrap();
        let rtcp = Identity::of((0, 1_001)).unwrap();
        let other = Identity::of((0, 1_002)).unwrap();
        let elsewhere = Identity::of((1, 1_001)).unwrap();
        assert!(Arc::ptr_eq(&rtp, &rtcp));
        assert_eq!(rtp.init_data(), rtcp.init_data());
        assert_ne!(rtp.init_data(), other.init_data());
        assert_ne!(rtp.init_data(), elsewhere.init_data());
    }

    #[test]
    fn an_identity_goes_with_the_last_component() {
        let rtp = Identity::of((0, 1_003)).unwrap();
        let rtcp = Identity::of((0, 1_003)).unwrap();
        let before = rtp.init_data();
        drop(rtp);
        assert!(is_known((0, 1_003)));
        drop(rtcp);
        assert!(!is_known((0, 1_003)));
        assert_ne!(Identity::of((0, 1_003)).unwrap().init_data(), before);
    }

    #[test]
    fn components_started_at_once_share_too() {
        let identities: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Identity::of((0, 1_004)).unwrap()))
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
        let line = Identity::of((0, 1_005)).unwrap().init_data();
        assert!(line.starts_with("fingerprint:sha-256 "));
        assert!(!line.contains('\n'));
    }
}
