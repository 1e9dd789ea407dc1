//! Hashes of a handshake's transcript, which grows: each goes on where the one before it ended.
//!
//! dimpl hashes all messages so far, from the first, for each secret, signature and `Finished`: a dozen times in
//! a handshake of DTLS 1.3, several of them in one call. Equal bytes have equal hashes, so nothing but time
//! depends on what is remembered here.

use dimpl::crypto::{Buf, HashAlgorithm, HashContext, HashProvider, aws_lc_rs};
use sha2::{Digest, Sha256};
use std::cell::RefCell;

thread_local! {
    /// Of the handshake that this thread served last.
    static LAST: RefCell<Hashed> = RefCell::default();
}

/// Bytes, and the state of the hash after them.
#[derive(Default)]
struct Hashed {
    bytes: Vec<u8>,
    hash: Sha256,
}

/// Less is hashed faster than remembered: the empty context of "derived" secrets, for one.
const MIN: usize = 256;
/// A longer transcript, of long certificates, is not kept.
const MAX: usize = 16 * 1024;

impl Hashed {
    /// The state after `data`.
    fn reach(&mut self, data: &[u8]) -> Sha256 {
        if !data.starts_with(&self.bytes) {
            self.bytes.clear();
            self.hash.reset();
        }
        let new = &data[self.bytes.len()..];
        self.bytes.extend_from_slice(new);
        self.hash.update(new);
        self.hash.clone()
    }
}

#[derive(Debug)]
pub(crate) struct Transcripts;

impl HashProvider for Transcripts {
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        match algorithm {
            HashAlgorithm::SHA256 => Box::new(Context(None)),
            _ => aws_lc_rs::default_provider()
                .hash_provider
                .create_hash(algorithm),
        }
    }
}

/// A hash in progress; of nothing yet, if `None`.
#[derive(Debug)]
struct Context(Option<Sha256>);

impl HashContext for Context {
    fn update(&mut self, data: &[u8]) {
        self.0 = Some(match self.0.take() {
            None if (MIN..=MAX).contains(&data.len()) => {
                LAST.with_borrow_mut(|last| last.reach(data))
            }
            before => before.unwrap_or_default().chain_update(data),
        });
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        let hash = self.0.clone().unwrap_or_default().finalize();
        out.clear();
        out.extend_from_slice(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(parts: &[&[u8]]) -> Vec<u8> {
        let mut context = Transcripts.create_hash(HashAlgorithm::SHA256);
        for part in parts {
            context.update(part);
        }
        let mut out = Buf::new();
        context.clone_and_finalize(&mut out);
        out.to_vec()
    }

    #[test]
    fn what_is_remembered_changes_no_hash() {
        let transcript: Vec<u8> = (0..20_000_u32).map(|at| (at % 251) as u8).collect();
        let other: Vec<u8> = transcript.iter().map(|byte| byte ^ 1).collect();
        for len in [
            0, 1, 255, 256, 300, 300, 1200, 2500, 1200, 16_384, 16_385, 700,
        ] {
            for data in [&transcript[..len], &other[..len]] {
                assert_eq!(hash(&[data]), Sha256::digest(data)[..], "{len} bytes");
                let (head, tail) = data.split_at(len / 3);
                assert_eq!(
                    hash(&[head, tail]),
                    Sha256::digest(data)[..],
                    "{len} bytes in two"
                );
            }
        }
        assert_eq!(hash(&[]), Sha256::digest(b"")[..]);
    }

    #[test]
    fn only_what_is_new_is_hashed() {
        let mut hashed = Hashed::default();
        hashed.reach(&[7; 300]);
        // A wrong state shows that what was remembered is gone on from.
        hashed.hash = Sha256::new();
        let gone_on = hashed.reach(&[7; 310]).finalize();
        assert_eq!(gone_on, Sha256::digest([7; 10]));
    }
}
