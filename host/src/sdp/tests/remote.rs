use super::{fixtures, lines, remote, webrtc};
use crate::plugin::Role;
use crate::sdp::{InitDataFormat, RemoteDescription, SdpError, Setup};

#[test]
fn reads_an_offer_of_chrome() {
    let offer = remote(fixtures::CHROME);
    assert_eq!(
        (offer.ufrag.as_str(), offer.pwd.as_str()),
        ("1/MC", "O9uUGgKNmBSAe8LZOXWvQ9dO")
    );
    assert_eq!(offer.setup, Some(Setup::ActPass));
    assert!(!offer.ice_lite && !offer.end_of_candidates);
    let candidate = "candidate:3388485749 1 udp 2113937151 6a6b4d5e-b6ee-4b0a-8f7d-1d7b9a6a53fa.local \
                     51732 typ host generation 0 network-cost 999";
    assert_eq!(offer.candidates, [(1, candidate.to_owned())]);
    let fingerprint = "fingerprint:sha-256 1C:CA:32:F1:2B:0D:D1:5C:9C:F2:E1:A4:35:4B:6A:72:\
                       30:C5:D9:CB:11:1E:F5:B3:2A:0E:55:CC:57:2D:EE:BC";
    assert_eq!(lines(&offer, &webrtc()).as_deref(), Some(fingerprint));
}

#[test]
fn reads_gstreamer_with_a_fingerprint_at_session_level() {
    let offer = remote(fixtures::GSTREAMER);
    assert_eq!(offer.ufrag, "VvG5yyCsDkXJTHbEPyt+kVcRBwiSA3ZS");
    assert_eq!(offer.candidates.len(), 2);
    assert_eq!(
        offer.candidates[0].1,
        "candidate:1 1 UDP 2015363327 10.77.0.1 47332 typ host"
    );
    let fingerprint =
        lines(&offer, &webrtc()).expect("the session's fingerprint holds for the section");
    assert!(
        fingerprint.starts_with("fingerprint:sha-256 7D:6A:0C") && fingerprint.ends_with(":9B:E5")
    );
}

#[test]
fn reads_an_answer_of_aiortc() {
    let answer = remote(fixtures::AIORTC);
    assert!(answer.end_of_candidates);
    assert_eq!(answer.setup, Some(Setup::Active));
    let components: Vec<u16> = answer
        .candidates
        .iter()
        .map(|(component, _)| *component)
        .collect();
    assert_eq!(components, [1, 2]);
    let fingerprints =
        "fingerprint:sha-256 7D:6A\nfingerprint:sha-384 1C:CA\nfingerprint:sha-512 55:E2";
    assert_eq!(lines(&answer, &webrtc()).as_deref(), Some(fingerprints));
}

#[test]
fn a_bundle_is_described_by_the_section_its_group_names_first() {
    let offer = remote(fixtures::BUNDLE);
    assert_eq!(offer.ufrag, "data");
    assert!(offer.ice_lite, "ice-lite stands at session level");
    assert_eq!(
        lines(&offer, &webrtc()).as_deref(),
        Some("fingerprint:sha-256 11:11")
    );
}

#[test]
fn the_first_of_several_sections_counts_that_the_peer_has_not_refused() {
    let text = fixtures::BUNDLE.replace("a=group:BUNDLE data audio\n", "");
    assert_eq!(remote(&text).ufrag, "data");
    let text = text.replace("m=video 0", "m=video 9");
    assert_eq!(remote(&text).ufrag, "refused");
    let text = text
        .replace("m=video 9", "m=video 0")
        .replace("m=application 9", "m=application 0");
    assert_eq!(RemoteDescription::parse(&text), Err(SdpError::NoMedia));
}

#[test]
fn each_name_is_taken_from_the_section_first() {
    let names =
        InitDataFormat::parse(Some("sdp-attributes:tls-id,fingerprint,identity")).expect("allowed");
    let text = fixtures::CHROME.replace(
        "a=group:BUNDLE 0\r\n",
        "a=tls-id:91bbf309c0990a6bec11e38ba2933cee\r\na=fingerprint:sha-1 AA:AA\r\na=identity:\r\n",
    );
    let found = lines(&remote(&text), &names).expect("there are three");
    let (first, rest) = found.split_once('\n').expect("there are three");
    assert_eq!(first, "tls-id:91bbf309c0990a6bec11e38ba2933cee");
    assert!(
        rest.starts_with("identity:\nfingerprint:sha-256 1C:CA"),
        "{rest}"
    );
}

#[test]
fn rtcp_comes_with_rtp_where_the_described_section_says_so() {
    assert!(remote(fixtures::GSTREAMER).rtcp_mux);
    assert!(!remote(fixtures::CHROME).rtcp_mux);
    let only = fixtures::GSTREAMER.replace("a=rtcp-mux\n", "a=rtcp-mux-only\n");
    assert!(remote(&only).rtcp_mux);
    let neither = fixtures::GSTREAMER.replace("a=rtcp-mux\n", "");
    assert!(!remote(&neither).rtcp_mux, "a=rtcp-rsize is another matter");
    let of_another = fixtures::BUNDLE.replace("a=mid:audio\n", "a=mid:audio\na=rtcp-mux\n");
    assert!(!remote(&of_another).rtcp_mux);
    let of_the_first = fixtures::BUNDLE.replace("a=mid:data\n", "a=mid:data\na=rtcp-mux\n");
    assert!(remote(&of_the_first).rtcp_mux);
}

#[test]
fn nothing_is_found_where_the_peer_gave_nothing() {
    let offer = remote(fixtures::CHROME);
    let unknown = InitDataFormat::parse(Some("sdp-attributes:key-mgmt")).expect("allowed");
    assert_eq!(lines(&offer, &unknown), None);
    assert_eq!(
        offer.init_data("noise", &InitDataFormat::Opaque, 1),
        Ok(None)
    );
}

#[test]
fn opaque_data_that_is_not_base64_is_refused() {
    let text = format!("{}a=handclasp-init:noise !\r\n", fixtures::CHROME);
    let refused = remote(&text).init_data("noise", &InitDataFormat::Opaque, 1);
    assert_eq!(
        refused,
        Err(SdpError::BadBase64 {
            plugin: "noise".into()
        })
    );
    let other = remote(&text).init_data("other", &InitDataFormat::Opaque, 1);
    assert_eq!(other, Ok(None), "the line is not for this plugin");
}

#[test]
fn credentials_must_be_there_and_legal() {
    let changed =
        |from: &str, to: &str| RemoteDescription::parse(&fixtures::CHROME.replace(from, to));
    assert_eq!(
        changed("a=ice-ufrag:1/MC\r\n", ""),
        Err(SdpError::MissingCredential("ice-ufrag"))
    );
    assert_eq!(
        changed("a=ice-pwd", "a=ice-password"),
        Err(SdpError::MissingCredential("ice-pwd"))
    );
    assert_eq!(changed("1/MC", "1/M"), Err(SdpError::BadUfrag));
    assert_eq!(changed("1/MC", "1/M:"), Err(SdpError::BadUfrag));
    assert_eq!(changed("1/MC", &"a".repeat(257)), Err(SdpError::BadUfrag));
    assert_eq!(
        changed("O9uUGgKNmBSAe8LZOXWvQ9dO", "O9uUGgKNmBSAe8LZOXWvQ"),
        Err(SdpError::BadPwd)
    );
    assert_eq!(changed("O9uUGgKN", "O9uUGgK\u{e9}"), Err(SdpError::BadPwd));
}

#[test]
fn credentials_at_session_level_hold_unless_the_section_has_its_own() {
    let session = "a=ice-ufrag:outer\r\na=ice-pwd:outerouterouterouterou\r\na=group:BUNDLE 0";
    let text = fixtures::CHROME.replace("a=group:BUNDLE 0", session);
    assert_eq!(remote(&text).ufrag, "1/MC");
    let text = text.replace(
        "a=ice-ufrag:1/MC\r\na=ice-pwd:O9uUGgKNmBSAe8LZOXWvQ9dO\r\n",
        "",
    );
    assert_eq!(remote(&text).ufrag, "outer");
}

#[test]
fn a_candidate_without_a_component_id_is_ignored() {
    for unusable in [
        "candidate:1 RTP udp",
        "candidate:1 0 udp",
        "candidate:1 257 udp",
        "candidate:",
    ] {
        let text = format!("{}a={unusable}\r\n", fixtures::CHROME);
        assert_eq!(remote(&text).candidates.len(), 1, "{unusable}");
    }
}

#[test]
fn setup_is_optional_but_never_invented() {
    let text = fixtures::CHROME.replace("a=setup:actpass\r\n", "");
    assert_eq!(remote(&text).setup, None);
    let text = fixtures::CHROME.replace("a=setup:actpass", "a=setup:both");
    assert_eq!(RemoteDescription::parse(&text), Err(SdpError::BadSetup));
}

#[test]
fn an_answer_settles_who_starts() {
    for offer in [Setup::ActPass, Setup::Active, Setup::Passive] {
        let answer = Setup::answer(offer);
        let (ours, theirs) = (answer.role(offer), offer.role(answer));
        assert!(
            ours.is_some() && theirs.is_some() && ours != theirs,
            "{offer}: {ours:?}, {theirs:?}"
        );
    }
    assert_eq!(
        Setup::answer(Setup::ActPass).role(Setup::ActPass),
        Some(Role::Initiator)
    );
    assert_eq!(Setup::Passive.role(Setup::Active), Some(Role::Responder));
    assert_eq!(Setup::answer(Setup::HoldConn).role(Setup::HoldConn), None);
    assert_eq!(Setup::ActPass.role(Setup::ActPass), None);
    assert_eq!(Setup::Active.role(Setup::Active), None);
}

#[test]
fn what_ice_has_no_use_for_refuses_nothing() {
    let reads = |text: &str, change: &str| {
        let read = RemoteDescription::parse(text);
        assert!(read.is_ok(), "{change}: {read:?}");
    };
    for (line, with) in [
        ("o=- ", "o=Jane Doe "),
        ("o=-", "o=\r\no=-"),
        ("s=-", "s=-\r\ns=again"),
        ("t=0 0", "t=now"),
        ("t=0 0", "t=0 0\r\nb=AS:1500.5"),
        ("t=0 0", "b=AS\r\nr=7d\r\nz=\r\nc=IN IP4"),
        ("c=IN", "b=TIAS:\r\nc=IN IP6"),
        ("m=application", "m=audio 0 RTP/AVP\r\nm=application"),
        ("m=application", "m=image 0 udptl \r\nm=application"),
        (" webrtc-datachannel", ""),
        ("v=0", "\u{feff}v=0"),
    ] {
        assert!(fixtures::CHROME.contains(line), "{line}");
        reads(&fixtures::CHROME.replacen(line, with, 1), with);
    }
    let cut = fixtures::CHROME.replace("t=0 0", "t");
    assert!(matches!(
        RemoteDescription::parse(&cut),
        Err(SdpError::Grammar(_))
    ));
}
