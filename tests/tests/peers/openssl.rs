//! OpenSSL's `s_client` and `s_server` against the plugins for DTLS-SRTP, over UDP on loopback.
mod certificate;
mod program;

use crate::endpoint::{Endpoint, Opened};
use certificate::{Certificate, ED25519, P256, P384, P521, RSA};
use handclasp::plugin::{FailureKind, Role};
use handclasp_tests::{SrtpKeys, need, skip};
use program::{Agreed, LABEL, Profile, Program};

const PROFILES: [Profile; 3] = [
    Profile {
        name: "SRTP_AES128_CM_SHA1_80",
        number: 1,
        key: 16,
        salt: 14,
    },
    Profile {
        name: "SRTP_AEAD_AES_128_GCM",
        number: 7,
        key: 16,
        salt: 12,
    },
    Profile {
        name: "SRTP_AEAD_AES_256_GCM",
        number: 8,
        key: 32,
        salt: 12,
    },
];

const ROLES: [Role; 2] = [Role::Initiator, Role::Responder];

#[test]
fn dtls_srtp_agrees_on_every_profile_in_both_roles() {
    agree_on_every_profile("dtls-srtp");
}

#[test]
fn dtls_openssl_agrees_on_every_profile_in_both_roles() {
    agree_on_every_profile("dtls-openssl");
}

#[test]
fn rsa_certificates_serve_on_either_side() {
    let Some(opened) = open("RSA certificates", "dtls-openssl") else {
        return;
    };
    for role in ROLES {
        for (key_type, peer) in [("rsa", P256), ("ecdsa", RSA), ("rsa", RSA)] {
            let endpoint = opened.endpoint(&[("key-type", key_type)]);
            let endpoint = endpoint.unwrap_or_else(|failure| panic!("{failure}"));
            agree(
                &opened,
                endpoint,
                role,
                &Certificate::new(peer),
                &PROFILES[0],
            );
        }
    }
}

#[test]
fn dtls_srtp_shows_the_certificate_it_is_given() {
    let Some(opened) = open("certificates in PEM", "dtls-srtp") else {
        return;
    };
    let own = [
        Certificate::new(P256),
        Certificate::new(P256).traditional(),
        Certificate::new(P384),
        Certificate::new(P384).traditional(),
    ];
    for own in own {
        for role in ROLES {
            let endpoint = opened.endpoint(&options(&own));
            let endpoint = endpoint.unwrap_or_else(|failure| panic!("{failure}"));
            assert_eq!(endpoint.init_data(), own.fingerprint);
            agree(
                &opened,
                endpoint,
                role,
                &Certificate::new(P256),
                &PROFILES[0],
            );
        }
    }
}

#[test]
fn dtls_srtp_refuses_an_rsa_key() {
    let Some(opened) = open("an RSA key", "dtls-srtp") else {
        return;
    };
    for own in [Certificate::new(RSA), Certificate::new(RSA).traditional()] {
        let Err(failure) = opened.endpoint(&options(&own)) else {
            panic!("it takes no RSA");
        };
        let expected = format!(
            "plugin dtls-srtp: init: option private-key: the key in {} is not ECDSA on P-256 or P-384: give it such a key; \
             RSA, and no other, dtls-openssl takes too",
            own.key()
        );
        assert_eq!(failure.to_string(), expected);
    }
}

#[test]
fn another_certificate_than_promised_is_refused() {
    for id in ["dtls-srtp", "dtls-openssl"] {
        let Some(opened) = open("another certificate", id) else {
            return;
        };
        let [promised, shown] = [P256, P256].map(Certificate::new);
        for role in ROLES {
            let mut endpoint = opened.endpoint(&[]).expect("no option is wrong");
            endpoint.set_peer(role, &promised.fingerprint);
            let _program = meet(&endpoint, role, &shown, &PROFILES[0]);
            let failure = endpoint
                .shake_hands()
                .expect_err("it is not who it should be");
            assert_eq!(failure.kind, FailureKind::Authentication, "{id}: {failure}");
        }
    }
}

#[test]
fn dtls_srtp_says_what_it_takes_of_a_certificate_it_does_not() {
    let advice = "give it one for ECDSA with P-256 or P-384; with RSA, and no others, dtls-openssl works too";
    for kind in [P521, ED25519, RSA] {
        for role in ROLES {
            refuse_for_its_key("dtls-srtp", kind, role, advice);
        }
    }
}

/// A client's Ed25519 it takes; OpenSSL's server has no use for one in DTLS 1.2.
#[test]
fn dtls_openssl_says_what_it_takes_of_a_certificate_it_does_not() {
    let advice = "give it one for ECDSA with P-256 or P-384, or for RSA";
    for (kind, role) in [
        (P521, Role::Initiator),
        (P521, Role::Responder),
        (ED25519, Role::Initiator),
    ] {
        refuse_for_its_key("dtls-openssl", kind, role, advice);
    }
    if let Some(opened) = open("Ed25519 at a client", "dtls-openssl") {
        let endpoint = opened.endpoint(&[]).expect("no option is wrong");
        let client = Certificate::new(ED25519);
        agree(&opened, endpoint, Role::Responder, &client, &PROFILES[0]);
    }
}

/// Has a peer show a key that the plugin, which is in this role, does not take.
fn refuse_for_its_key(id: &str, kind: &[&str], role: Role, advice: &str) {
    let test = format!("{kind:?} at the peer of {id} ({role:?})");
    let Some(opened) = open(&test, id) else {
        return;
    };
    let peer = Certificate::new(kind);
    let mut endpoint = opened.endpoint(&[]).expect("no option is wrong");
    endpoint.set_peer(role, &peer.fingerprint);
    let _program = meet(&endpoint, role, &peer, &PROFILES[0]);
    let failure = endpoint.shake_hands().expect_err(&test);
    assert_eq!(failure.kind, FailureKind::PeerRejected, "{test}: {failure}");
    assert!(failure.to_string().contains(advice), "{test}: {failure}");
}

fn agree_on_every_profile(id: &str) {
    let Some(opened) = open(id, id) else {
        return;
    };
    let peer = Certificate::new(P256);
    for role in ROLES {
        for profile in &PROFILES {
            let endpoint = opened.endpoint(&[]).expect("no option is wrong");
            agree(&opened, endpoint, role, &peer, profile);
        }
    }
}

/// Shakes hands, compares what both sides have, and parts.
fn agree(
    opened: &Opened,
    mut endpoint: Endpoint,
    role: Role,
    peer: &Certificate,
    profile: &Profile,
) {
    endpoint.set_peer(role, &peer.fingerprint);
    let mut program = meet(&endpoint, role, peer, profile);
    let data = endpoint.shake_hands();
    let ours = SrtpKeys::parse(&data.unwrap_or_else(|failure| panic!("{role:?}: {failure}")));
    let theirs = program.agreed();
    assert_eq!(
        (&*theirs.profile, ours.profile),
        (profile.name, profile.number)
    );
    // Not assert_eq!, which would print keys.
    assert!(
        ours == keys(role, profile, &theirs),
        "{role:?}: the keys are the same"
    );
    let exported = endpoint.export(LABEL, profile.exported());
    assert!(
        exported == theirs.material,
        "{role:?}: so are the exporters"
    );
    let logged = opened.take_key_log();
    assert!(logged == [program.logged()], "{role:?}: and the key logs");
    part(endpoint, program, role);
}

/// The client says goodbye, and the server hears it.
fn part(mut endpoint: Endpoint, mut program: Program, role: Role) {
    match role {
        Role::Initiator => {
            endpoint.close();
            program.hear_the_end();
        }
        Role::Responder => {
            program.close();
            let failure = endpoint.hear_the_end();
            assert_eq!(failure.kind, FailureKind::ClosedByPeer, "{failure}");
        }
    }
}

/// Brings the endpoint together with OpenSSL in the other role.
fn meet(endpoint: &Endpoint, role: Role, peer: &Certificate, profile: &Profile) -> Program {
    match role {
        Role::Initiator => {
            let (server, address) = Program::server(peer, profile);
            endpoint.connect(address);
            server
        }
        Role::Responder => {
            let client = Program::client(peer, profile, endpoint.address());
            endpoint.accept();
            client
        }
    }
}

/// The keys of the side in this role (RFC 5764, section 4.2).
fn keys(role: Role, profile: &Profile, agreed: &Agreed) -> SrtpKeys {
    let (keys, salts) = agreed.material.split_at(2 * profile.key);
    let [client, server] = [0, 1].map(|side| {
        let key = &keys[side * profile.key..][..profile.key];
        [key, &salts[side * profile.salt..][..profile.salt]].concat()
    });
    let (local, remote) = match role {
        Role::Initiator => (client, server),
        Role::Responder => (server, client),
    };
    SrtpKeys {
        profile: profile.number,
        local,
        remote,
    }
}

fn options(own: &Certificate) -> [(&'static str, &str); 2] {
    [
        ("certificate", own.certificate()),
        ("private-key", own.key()),
    ]
}

/// The plugin, if it and the command `openssl` are there.
fn open(test: &str, id: &str) -> Option<Opened> {
    let opened = need("openssl", "openssl").and_then(|()| Opened::new(id));
    opened
        .map_err(|lacking| skip(&format!("{test} against OpenSSL"), &lacking))
        .ok()
}
