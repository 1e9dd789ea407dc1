//! Keys that a program asks for in JSON lines.
use crate::support::handclasp;
use handclasp_tests::processes::{Pair, Side, bytes};
use handclasp_tests::{built, skip};
use serde_json::{Value, json};

/// A connected pair with these plugins.
fn connected(plugins: [&str; 2]) -> Pair {
    let stream = |plugin: &str| handclasp(["stream", "--address", "127.0.0.1", "--plugin", plugin]);
    let [mut a, b] = plugins.map(stream);
    a.arg("--controlling");
    let mut pair = Pair::start([a, b], Some(Side::A));
    pair.expect_ready(1);
    pair
}

fn ask(label: &str, context: Option<&str>, length: usize) -> Value {
    let mut message =
        json!({"message": "export_key", "component_id": 1, "label": label, "length": length});
    if let Some(context) = context {
        message["context"] = json!(context);
    }
    message
}

/// What both sides get, which is the same.
fn key(pair: &mut Pair, label: &str, context: Option<&str>, length: usize) -> Vec<u8> {
    let [a, b] = Side::BOTH.map(|side| {
        pair.send(side, &ask(label, context, length));
        let event = pair.expect(side, "exported_key");
        assert_eq!(event["label"], label);
        bytes(&event, "key")
    });
    assert_eq!((a.len(), &a), (length, &b));
    a
}

/// What SRTP keys are made of: 88 bytes of SRTP_AEAD_AES_256_GCM.
const SRTP: (&str, usize) = ("EXTRACTOR-dtls_srtp", 88);

#[test]
fn both_sides_of_dtls_get_the_same_keys_and_what_is_not_exported_is_told() {
    let mut pair = connected(["dtls-srtp", "dtls-srtp"]);
    let (label, length) = SRTP;
    key(&mut pair, label, None, length);
    pair.send(Side::A, &ask("EXPORTER-one", None, 32));
    let told = pair.expect(Side::A, "could_not_export_key");
    assert_eq!(
        told,
        json!({
            "event": "could_not_export_key",
            "component_id": 1,
            "label": "EXPORTER-one",
            "reason": "plugin dtls-srtp does not export this: see which labels, contexts and lengths it serves",
        })
    );
    for (message, complaint) in [
        (
            ask("EXPORTER-one", None, 0),
            "an exported key has 1 to 8160 bytes, not 0",
        ),
        (ask("key expansion", None, 32), "is a label of TLS itself"),
        (ask("EXPORTER-one", Some("no base64"), 32), "give it base64"),
    ] {
        pair.send(Side::A, &message);
        let error = pair.expect(Side::A, "error");
        let said = error["error"].as_str().expect("a text");
        assert!(said.contains(complaint), "{said}");
    }
    // None of it has changed anything.
    key(&mut pair, label, None, length);
}

#[test]
fn plugins_of_two_libraries_export_the_same_keys() {
    if let Err(lacking) = built("dtls-openssl") {
        return skip("keys that dtls-openssl exports", &lacking);
    }
    let mut mixed = connected(["dtls-srtp", "dtls-openssl"]);
    let (label, length) = SRTP;
    key(&mut mixed, label, None, length);
    let mut pair = connected(["dtls-openssl", "dtls-openssl"]);
    key(&mut pair, label, None, length);
    let keys = [
        ("EXPORTER-one", None),
        ("EXPORTER-one", Some("")),
        ("EXPORTER-one", Some("AAE=")),
        ("EXPORTER-two", None),
    ]
    .map(|(label, context)| key(&mut pair, label, context, 32));
    for (at, one) in keys.iter().enumerate() {
        assert!(!keys[at + 1..].contains(one), "they differ");
    }
}
