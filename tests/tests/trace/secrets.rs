//! What must stand neither in a trace nor in what is made of it.
use crate::support::{Session, handclasp, succeed};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use handclasp_tests::processes::{Pair, Side, bytes, handclasp_stream};
use serde_json::json;
use std::fs;

/// Everything that was written about a session.
fn told(session: &Session) -> Vec<u8> {
    let shown = [session.show(&[]), session.show(&["--json"])].concat();
    session.show(&["--html", "--pcap"]);
    let files = ["session.jsonl", "session.html", "session.pcap"];
    let files = files.map(|name| fs::read(session.file(name)).expect("it was just made"));
    [shown.into_bytes(), files.concat()].concat()
}

/// Whether the bytes stand there as they are, in base64, or in hexadecimal.
fn stands(secret: &[u8], told: &[u8]) -> bool {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_vec(), hex.into_bytes()];
    // Base64 of what surrounds it begins at any of three places.
    for lead in 0..3 {
        let padded = [&vec![0; lead], secret].concat();
        let encoded = BASE64_STANDARD.encode(padded).into_bytes();
        let whole = encoded.len() / 4 * 4 - 4;
        forms.push(encoded[if lead == 0 { 0 } else { 4 }..whole].to_vec());
    }
    let has = |form: &Vec<u8>| told.windows(form.len()).any(|part| part == form);
    forms.iter().any(has)
}

#[test]
fn the_search_finds_what_is_there() {
    let secret = b"a secret of some length";
    for lead in ["", "x", "xy"] {
        let encoded = BASE64_STANDARD.encode([lead.as_bytes(), secret, b"and more"].concat());
        assert!(stands(secret, encoded.as_bytes()), "{lead}");
    }
    assert!(
        stands(secret, b"here is a secret of some length.") && !stands(secret, b"here is none")
    );
}

#[test]
fn the_handshakes_secrets_are_not_told() {
    for version in ["1.2", "1.3"] {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let keys = directory.path().join("keys");
        let name = keys
            .to_str()
            .expect("temporary directories have plain names");
        let option = format!("version={version}");
        let session = Session::demo(&[
            "--plugin",
            "dtls-srtp",
            "--option",
            &option,
            "--keylog",
            name,
        ]);
        let told = told(&session);
        let log = fs::read_to_string(&keys).expect("it was asked for");
        let mut searched = 0;
        for line in log.lines() {
            let hex = line.rsplit(' ').next().expect("split gives one part");
            let secret: Vec<u8> = (0..hex.len() / 2)
                .map(|at| {
                    u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("it is hexadecimal")
                })
                .collect();
            assert!(!stands(&secret, &told), "{version}");
            searched += 1;
        }
        assert!(searched >= 2);
    }
}

/// The demo's datagrams: see that none of them stands there, though one begins as any RTP packet.
#[test]
fn the_applications_datagrams_are_not_told() {
    let session = Session::demo(&["--plugin", "none"]);
    let told = told(&session);
    for number in 0..10_u8 {
        for side in [0, 1] {
            let payload = [&[0x80, side, 0, 1, 0, 0, 0, number], &b"demo"[..]].concat();
            assert!(!stands(&payload, &told), "{side} {number}");
        }
    }
}

/// Credentials, descriptions and payloads: the JSON lines have them, the trace has not.
#[test]
fn what_the_json_lines_tell_the_trace_does_not() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let files = ["a.jsonl", "b.jsonl"].map(|name| directory.path().join(name));
    let commands = files.each_ref().map(|file| {
        let mut stream = handclasp_stream();
        stream.args(["--plugin", "none", "--address", "127.0.0.1", "--trace"]);
        stream.arg(file);
        stream
    });
    let mut pair = Pair::start(commands, Some(Side::A));
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    let secret = "for the peer's eyes only";
    // As they are, with a first byte of DTLS, and as a whole record of it.
    let record = [
        &[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 24][..],
        secret.as_bytes(),
    ]
    .concat();
    for payload in [secret.as_bytes(), b"4 for the peer's eyes only", &record] {
        pair.send_payload(Side::A, payload);
        let event = pair.expect(Side::B, "ice_payload");
        assert_eq!(bytes(&event, "payload"), payload);
    }
    pair.send(Side::B, &json!({"message": "generate_local_sdp"}));
    pair.expect(Side::B, "local_sdp");
    let credentials = Side::BOTH.map(|side| {
        let (events, status) = pair.end(side);
        assert!(status.success());
        let credentials = events
            .iter()
            .find_map(|event| event["credentials"].as_str());
        credentials.expect("it made them").to_owned()
    });

    let told = files.map(|file| {
        let trace = fs::read(&file).expect("it was asked for");
        let page = succeed(handclasp(&["trace", "--html=-"]).arg(&file)).stdout;
        let capture = succeed(handclasp(&["trace", "--pcap=-"]).arg(&file)).stdout;
        [trace, page, capture].concat()
    });
    let passwords = credentials.iter().filter_map(|it| it.split(' ').nth(1));
    for secret in passwords.chain([secret]) {
        assert!(!stands(secret.as_bytes(), &told.concat()), "{secret}");
    }
}
