//! The plugin's modules as they are. The plugin itself is a `cdylib`, which no fuzz target can link: what a
//! target does with them stands here.
#![allow(dead_code)] // what only the plugin's face needs

#[path = "../../src/certificate.rs"]
mod certificate;
#[path = "../../src/clock.rs"]
mod clock;
#[path = "../../src/config.rs"]
mod config;
#[path = "../../src/doubt.rs"]
mod doubt;
#[path = "../../src/failure.rs"]
mod failure;
#[path = "../../src/fingerprint.rs"]
#[rustfmt::skip] // it would look for the tests, in the wrong place
mod fingerprint;
#[path = "../../src/key_log.rs"]
mod key_log;
#[path = "../../src/keys.rs"]
mod keys;
#[path = "../../src/parameters.rs"]
mod parameters;
#[path = "../../src/plaintext.rs"]
mod plaintext;
#[path = "../../src/record.rs"]
mod record;
#[path = "../../src/session.rs"]
#[rustfmt::skip] // it would look for the tests, in the wrong place
mod session;
#[path = "../../src/signing.rs"]
mod signing;
#[path = "../../../../host/fuzz/src/tamper.rs"]
mod tamper;
#[path = "../../src/transcript.rs"]
mod transcript;
#[path = "../../src/undated.rs"]
mod undated;

mod link;

use dimpl::ProtocolVersion;
use handclasp_plugin::Role;

pub use link::{Step, Story};

/// The peer's init data.
pub fn fingerprints(init_data: &[u8]) {
    match fingerprint::Fingerprints::parse(init_data) {
        Ok(known) => known
            .verify(b"certificate")
            .expect_err("nobody knows its hash by chance"),
        Err(error) => error,
    };
}

/// Holds what is read of a datagram without keys against the datagram.
fn records(datagram: &[u8]) {
    let mut seen = 0;
    for record in record::records(datagram) {
        assert!(!record.is_empty());
        assert!(
            datagram[seen..].starts_with(record),
            "the records are the datagram, in order"
        );
        seen += record.len();
        for role in [Role::Initiator, Role::Responder] {
            for version in [
                None,
                Some(ProtocolVersion::DTLS1_2),
                Some(ProtocolVersion::DTLS1_3),
            ] {
                let stage = plaintext::Stage {
                    role,
                    version,
                    has_spoken: true,
                    is_retried: record.len() % 2 == 0,
                    is_greeted: false,
                };
                let config = config::shared(1200).expect("its cryptography works");
                let _ = record::trust(record, stage, &config);
            }
        }
        let _ = record::client_random(record);
    }
}
