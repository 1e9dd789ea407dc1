//! The keys of the certificates made here: each made once, and never written down or read again.
//!
//! dimpl has its provider load a session's key from the bytes of `DtlsCertificate::private_key`, and to parse and
//! check a key costs as much as to sign with it. So those bytes are a key's name where the key is one of ours.
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use dimpl::crypto::{
    Buf, HashAlgorithm, KeyProvider, SignatureAlgorithm, SigningKey, aws_lc_rs as dimpls_own,
};
use dimpl::{CryptoError, CryptoOperation};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What no key's encoding begins with; eight bytes of number follow.
const NAME: &[u8] = b"handclasp key ";

/// The keys in use, by number.
static KEYS: Mutex<BTreeMap<u64, Weak<Key>>> = Mutex::new(BTreeMap::new());

/// An ECDSA key on P-256. Gone with the last who holds it.
#[derive(Debug)]
pub(crate) struct Key {
    number: u64,
    pair: EcdsaKeyPair,
}

impl Key {
    /// A fresh one, or nothing if the system has no randomness to give.
    pub(crate) fn generate() -> Option<Arc<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let key = Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).ok()?,
        });
        keys().insert(key.number, Arc::downgrade(&key));
        Some(key)
    }

    /// What stands for its encoding.
    pub(crate) fn name(&self) -> Vec<u8> {
        [NAME, &self.number.to_be_bytes()].concat()
    }

    fn named(name: &[u8]) -> Option<Arc<Self>> {
        let number = name.strip_prefix(NAME)?.try_into().ok()?;
        keys().get(&u64::from_be_bytes(number))?.upgrade()
    }

    fn signature(&self, message: &[u8]) -> Option<aws_lc_rs::signature::Signature> {
        self.pair.sign(&SystemRandom::new(), message).ok()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        keys().remove(&self.number);
    }
}

fn keys() -> MutexGuard<'static, BTreeMap<u64, Weak<Key>>> {
    // No panic leaves the map half changed.
    KEYS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key signs its own certificate.
impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self
            .signature(message)
            .ok_or(rcgen::Error::RingUnspecified)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl rcgen::PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// Finds our keys by their names, and leaves others to dimpl.
#[derive(Debug)]
pub(crate) struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, encoded: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        match Key::named(encoded) {
            Some(key) => Ok(Box::new(Signer(key))),
            None => dimpls_own::default_provider()
                .key_provider
                .load_private_key(encoded),
        }
    }
}

/// A session's hold on its key.
#[derive(Debug)]
struct Signer(Arc<Key>);

impl SigningKey for Signer {
    fn sign(
        &mut self,
        message: &[u8],
        hash: HashAlgorithm,
        out: &mut Buf,
    ) -> Result<(), CryptoError> {
        if hash != self.hash_algorithm() {
            return Err(CryptoError::SigningKeyHashMismatch {
                key_hash: self.hash_algorithm(),
                requested: hash,
            });
        }
        let failed = CryptoError::OperationFailed(CryptoOperation::Sign);
        let signature = self.0.signature(message).ok_or(failed)?;
        out.clear();
        out.extend_from_slice(signature.as_ref());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_name_as_long_as_somebody_holds_it() {
        let key = Key::generate().unwrap();
        let name = key.name();
        assert!(Arc::ptr_eq(&Key::named(&name).unwrap(), &key));
        drop(key);
        assert!(Key::named(&name).is_none());
        assert!(Keys.load_private_key(&name).is_err());
    }

    #[test]
    fn names_are_nothing_else() {
        let key = Key::generate().unwrap();
        let name = key.name();
        assert!(Key::named(&name[1..]).is_none());
        assert!(Key::named(&[&name[..], &[0]].concat()).is_none());
        assert!(Key::named(&[]).is_none());
    }

    #[test]
    fn a_session_s_signature_is_the_key_s() {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
        let key = Key::generate().unwrap();
        let mut session = Keys.load_private_key(&key.name()).unwrap();
        let mut signature = Buf::new();
        session
            .sign(b"transcript", HashAlgorithm::SHA256, &mut signature)
            .unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.pair.public_key())
            .verify(b"transcript", &signature)
            .unwrap();
        let refused = session.sign(b"transcript", HashAlgorithm::SHA384, &mut signature);
        assert!(refused.is_err());
    }
}
