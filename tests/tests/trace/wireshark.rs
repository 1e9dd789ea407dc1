//! The capture in Wireshark's hands.
use crate::support::{Session, succeed, text};
use handclasp::trace::{Direction, Fate, Kind};
use handclasp_tests::{built, is_here, skip};
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

/// What `tshark` finds with this display filter: a line with these fields for each packet.
fn find(capture: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    find_with(&[], capture, filter, fields)
}

/// The same, with more options of `tshark`.
fn find_with(options: &[&str], capture: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut search = Command::new("tshark");
    search.args(options);
    search
        .arg("-r")
        .arg(capture)
        .args(["-Y", filter, "-T", "fields"]);
    search.args([
        "-o",
        "udp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ]);
    for field in fields {
        search.args(["-e", field]);
    }
    let found = text(&succeed(&mut search).stdout);
    found.lines().map(str::to_owned).collect()
}

/// How many datagrams of a kind were on the wire and seen.
fn on_the_wire(session: &Session, kind: Kind) -> usize {
    let sent = session.datagrams().filter(|(_, it)| {
        it.kind == kind && it.direction == Direction::Out && it.fate != Some(Fate::Lost)
    });
    sent.count()
}

#[test]
fn stun_and_dtls_are_dissected() {
    if !is_here("tshark", "tshark") {
        return;
    }
    // Of 1.3 the encrypted records are nothing that Wireshark 4.0 knows.
    let session = Session::demo(&[
        "--plugin",
        "dtls-srtp",
        "--option",
        "version=1.2",
        "--loss",
        "30",
        "--seed",
        "7",
    ]);
    session.show(&["--pcap"]);
    let capture = session.file("session.pcap");
    let find = |filter: &str, fields: &[&str]| find(&capture, filter, fields);

    assert_eq!(
        find("stun", &["stun.type"]).len(),
        on_the_wire(&session, Kind::Stun)
    );
    let handshakes = find("dtls", &["dtls.handshake.type"]);
    assert_eq!(handshakes.len(), on_the_wire(&session, Kind::Dtls));
    for message in ["1", "2", "11", "14", "16"] {
        let has = |line: &String| line.split(',').any(|number| number == message);
        assert!(
            handshakes.iter().any(has),
            "no message {message}: {handshakes:?}"
        );
    }
    assert!(
        !find("stun.att.type == 0x0025", &["frame.number"]).is_empty(),
        "USE-CANDIDATE"
    );
    let faults = "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || stun.att.crc32.status == 0";
    assert_eq!(find(faults, &["frame.number"]), Vec::<String>::new());

    let payloads = find(
        "!stun && !dtls",
        &["frame.cap_len", "frame.len", "udp.length"],
    );
    assert_eq!(payloads.len(), on_the_wire(&session, Kind::Rtp));
    for lengths in payloads {
        assert_eq!(lengths, "28\t40\t20", "headers only, of 12 bytes");
    }
}

#[test]
fn dtls_1_3_begins_as_wireshark_knows_it() {
    if !is_here("tshark", "tshark") {
        return;
    }
    let session = Session::demo(&["--plugin", "dtls-srtp"]);
    session.show(&["--pcap"]);
    let find = |filter: &str| find(&session.file("session.pcap"), filter, &["frame.number"]);
    assert_eq!(find("stun").len(), on_the_wire(&session, Kind::Stun));
    assert!(!find("dtls.handshake.type == 1").is_empty());
}

const TCP_FAULTS: &str = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 \
                          || tcp.analysis.lost_segment || tcp.analysis.retransmission \
                          || tcp.analysis.out_of_order || stun.att.crc32.status == 0";

#[test]
fn what_peers_say_over_tcp_is_dissected() {
    if !is_here("tshark", "tshark") {
        return;
    }
    let session = Session::demo(&["--plugin", "dtls-srtp", "--tcp", "both", "--no-udp"]);
    session.show(&["--pcap"]);
    let capture = session.file("session.pcap");
    let find = |filter: &str| find(&capture, filter, &["tcp.len"]);
    let sent = session
        .datagrams()
        .filter(|(_, it)| it.direction == Direction::Out);
    assert_eq!(find("tcp").len(), sent.count(), "each once");
    // Of DTLS in such frames Wireshark 4.0 knows nothing, and what follows may go down with it.
    let (found, sent) = (find("stun").len(), on_the_wire(&session, Kind::Stun));
    assert!(found > 4 && found <= sent, "{found} of {sent}");
    assert!(!find("stun.att.type == 0x0025").is_empty(), "USE-CANDIDATE");
    assert_eq!(find(TCP_FAULTS), Vec::<String>::new());
}

/// TURN over TCP, or what TLS carried of it, in the capture of this session. Of what it relays only lengths are known.
pub(crate) fn a_relay_is_dissected(session: &Session) {
    if !is_here("tshark", "tshark") {
        return;
    }
    let capture = session.file("session.pcap");
    let find = |filter: &str| find(&capture, filter, &["stun.type.method"]);
    for (method, name) in [("0x0003", "Allocate"), ("0x0008", "CreatePermission")] {
        assert!(find("stun").iter().any(|it| it == method), "no {name}");
    }
    assert_eq!(find(TCP_FAULTS), Vec::<String>::new());
}

/// As docs/trace.md shows it.
#[test]
fn with_the_key_log_beside_it_the_encrypted_is_read() {
    if !is_here("tshark", "tshark") {
        return;
    }
    if let Err(lacking) = built("dtls-openssl") {
        return skip("a capture and the key log of dtls-openssl", &lacking);
    }
    for plugin in [
        &["dtls-srtp", "--option", "version=1.2"][..],
        &["dtls-openssl"],
    ] {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let keys = directory.path().join("keys.txt").display().to_string();
        let options = [&["--plugin"], plugin, &["--keylog", &keys]].concat();
        let session = Session::demo(&options);
        session.show(&["--pcap"]);
        let capture = session.file("session.pcap");
        let preference = format!("tls.keylog_file:{keys}");
        // A side that hears its peer's farewell in time says none of its own.
        for (what, filter, sides) in [
            ("Finished", "dtls.handshake.type == 20", 2..=2),
            ("close_notify", "dtls.alert_message.desc == 0", 1..=2),
        ] {
            let without = find(&capture, filter, &["frame.number"]);
            assert_eq!(without, Vec::<String>::new(), "{what} is a secret");
            let with = ["-o", &preference];
            let with = find_with(&with, &capture, filter, &["udp.srcport"]);
            let ports: HashSet<_> = with.iter().collect();
            assert!(sides.contains(&ports.len()), "{what}: {with:?}");
        }
    }
}
