use super::{lines, local, remote, webrtc};
use crate::sdp::{InitDataFormat, LocalDescription, RtcpMux, SdpError, Setup};

#[test]
fn writes_a_description_without_candidates() {
    let text = local(&InitDataFormat::Opaque)
        .to_sdp()
        .expect("nothing in it is illegal");
    let expected = "v=0\r
o=- 4611731400430051336 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
m=application 9 udp octet-stream\r
c=IN IP4 0.0.0.0\r
a=mid:0\r
a=ice-ufrag:8hhY\r
a=ice-pwd:asd88fgpdd777uzjYhagZg\r
a=ice-options:ice2 trickle\r
a=setup:actpass\r
";
    assert_eq!(text, expected);
}

#[test]
fn writes_candidates_and_what_the_plugin_gave() {
    let format = webrtc();
    let candidates = [
        "candidate:1 1 udp 2130706431 fd77::1 40000 typ host".to_owned(),
        "candidate:1 2 udp 2130706430 fd77::1 40001 typ host".to_owned(),
    ];
    let data: &[u8] = b"a=fingerprint:sha-256 AB:CD\ntls-id:91bbf309c0990a6bec11e38ba2933cee\n";
    let description = LocalDescription {
        ice_lite: true,
        setup: Setup::Passive,
        rtcp_mux: RtcpMux::On,
        default_addresses: &["[fd77::1]:40000", "[fd77::1]:40001"]
            .map(|address| Some(address.parse().expect("an address"))),
        candidates: &candidates,
        end_of_candidates: true,
        init_data: &[Some(data), None, Some(data)],
        ..local(&format)
    };
    let text = description.to_sdp().expect("nothing in it is illegal");
    let expected = "t=0 0\r
a=ice-lite\r
m=application 40000 udp octet-stream\r
c=IN IP6 fd77::1\r
a=mid:0\r
a=ice-ufrag:8hhY\r
a=ice-pwd:asd88fgpdd777uzjYhagZg\r
a=ice-options:ice2 trickle\r
a=setup:passive\r
a=rtcp:40001 IN IP6 fd77::1\r
a=rtcp-mux\r
a=fingerprint:sha-256 AB:CD\r
a=tls-id:91bbf309c0990a6bec11e38ba2933cee\r
a=candidate:1 1 udp 2130706431 fd77::1 40000 typ host\r
a=candidate:1 2 udp 2130706430 fd77::1 40001 typ host\r
a=end-of-candidates\r
";
    assert!(text.ends_with(expected), "{text}");

    let peer = remote(&text);
    let received = "fingerprint:sha-256 AB:CD\ntls-id:91bbf309c0990a6bec11e38ba2933cee";
    assert_eq!(lines(&peer, &format).as_deref(), Some(received));
    assert!(peer.ice_lite && peer.end_of_candidates && peer.rtcp_mux);
    assert_eq!(peer.setup, Some(Setup::Passive));
    assert_eq!(
        peer.candidates,
        [(1, candidates[0].clone()), (2, candidates[1].clone())]
    );
}

#[test]
fn a_default_address_with_port_0_does_not_refuse_the_section() {
    let address = Some("10.77.0.1:0".parse().expect("an address"));
    let text = LocalDescription {
        default_addresses: &[address, address],
        ..local(&InitDataFormat::Opaque)
    }
    .to_sdp();
    let text = text.expect("legal");
    assert!(text.contains("m=application 9 udp octet-stream\r\nc=IN IP4 0.0.0.0\r\n"));
    assert!(text.contains("a=rtcp:9 IN IP4 0.0.0.0\r\n"));
}

#[test]
fn rtcp_without_a_component_of_its_own_is_told_to_old_and_new_peers() {
    for (rtcp_mux, lines) in [
        (RtcpMux::Off, ""),
        (RtcpMux::On, "a=rtcp-mux\r\n"),
        (RtcpMux::Only, "a=rtcp-mux\r\na=rtcp-mux-only\r\n"),
    ] {
        let text = LocalDescription {
            rtcp_mux,
            default_addresses: &[None],
            ..local(&InitDataFormat::Opaque)
        }
        .to_sdp()
        .expect("legal");
        let end = format!("a=setup:actpass\r\n{lines}");
        assert!(text.ends_with(&end), "{rtcp_mux:?}: {text}");
        assert_eq!(remote(&text).rtcp_mux, rtcp_mux != RtcpMux::Off);
    }
}

#[test]
fn opaque_data_is_written_once_if_all_components_agree() {
    let data: &[u8] = b"\x00\xffkey";
    let text = with_opaque(&[Some(data), Some(data)]).expect("legal");
    assert_eq!(
        text.matches("a=handclasp-init:example AP9rZXk=\r\n")
            .count(),
        1
    );
    for component in [1, 2] {
        assert_eq!(opaque(&text, component), Some(data.to_vec()));
    }
}

#[test]
fn opaque_data_that_differs_is_written_in_the_order_of_components() {
    let text = with_opaque(&[Some(b"one"), Some(b"two")]).expect("legal");
    assert_eq!(opaque(&text, 1), Some(b"one".to_vec()));
    assert_eq!(opaque(&text, 2), Some(b"two".to_vec()));

    let text = with_opaque(&[Some(b"one"), None, Some(b"three")]).expect("legal");
    let expected = "a=handclasp-init:example b25l\r
a=handclasp-init:example\r
a=handclasp-init:example dGhyZWU=\r
";
    assert!(text.contains(expected), "{text}");
    assert_eq!(opaque(&text, 1), Some(b"one".to_vec()));
    assert_eq!(opaque(&text, 2), Some(Vec::new()));
    assert_eq!(opaque(&text, 3), Some(b"three".to_vec()));
    assert_eq!((opaque(&text, 0), opaque(&text, 4)), (None, None));
}

#[test]
fn components_without_opaque_data_leave_no_line() {
    let text = with_opaque(&[None, None]).expect("legal");
    assert!(!text.contains("handclasp-init"));
    assert_eq!(opaque(&text, 1), None);
}

#[test]
fn opaque_data_must_fit_into_a_line_and_have_a_plugin_that_can_be_named() {
    let fits = vec![0; 6000];
    assert!(with_opaque(&[Some(&fits)]).is_ok());
    let too_long = with_opaque(&[Some(&[0; 6200])]);
    assert_eq!(
        too_long,
        Err(SdpError::InitDataTooLong {
            plugin: "example".into(),
            bytes: 6200
        })
    );
    let format = InitDataFormat::Opaque;
    let unnamed = LocalDescription {
        plugin_id: "two words",
        init_data: &[Some(b"x")],
        ..local(&format)
    };
    assert_eq!(
        unnamed.to_sdp(),
        Err(SdpError::BadPluginId("two words".into()))
    );
}

#[test]
fn a_plugin_writes_only_what_it_declared() {
    let refused = |data: &[u8]| {
        let format = webrtc();
        let text = LocalDescription {
            init_data: &[Some(data)],
            ..local(&format)
        }
        .to_sdp();
        match text.expect_err("the line must be refused") {
            SdpError::BadInitDataLine {
                plugin,
                line,
                fault,
            } => {
                assert_eq!(plugin, "example");
                (
                    line,
                    fault.split(';').next().expect("split yields one at least"),
                )
            }
            other => panic!("{other}"),
        }
    };
    let undeclared = "is not an attribute the plugin declared";
    assert_eq!(refused(b"tls-id:1\nsetup:active"), (2, undeclared));
    assert_eq!(refused(b"a=a=tls-id:1"), (1, undeclared));
    assert_eq!(refused(b"tls-id:1\n\ntls-id:2"), (2, undeclared));
    assert_eq!(refused(b"TLS-ID:1"), (1, undeclared));
    assert_eq!(refused(b"tls-id:1\r\ntls-id:2"), (1, "contains CR or NUL"));
    assert_eq!(refused(b"tls-id:\0"), (1, "contains CR or NUL"));
    assert_eq!(refused(b"tls-id:\xff"), (1, "is not UTF-8"));
    assert_eq!(refused(&[b'x'; 8191]), (1, "is too long for a line of SDP"));
}

#[test]
fn what_no_peer_could_use_is_not_written() {
    let format = InitDataFormat::Opaque;
    let ufrag = LocalDescription {
        ufrag: "8h\n",
        ..local(&format)
    };
    assert_eq!(ufrag.to_sdp(), Err(SdpError::BadUfrag));
    let pwd = LocalDescription {
        pwd: "short",
        ..local(&format)
    };
    assert_eq!(pwd.to_sdp(), Err(SdpError::BadPwd));
    for line in [
        "1 1 udp 1 10.0.0.1 1 typ host",
        "candidate:1",
        "candidate:1 1 udp\r\na=setup:active",
    ] {
        let candidates = LocalDescription {
            candidates: &[line.to_owned()],
            ..local(&format)
        };
        assert_eq!(
            candidates.to_sdp(),
            Err(SdpError::BadCandidate(line.to_owned()))
        );
    }
}

fn with_opaque(init_data: &[Option<&[u8]>]) -> Result<String, SdpError> {
    LocalDescription {
        init_data,
        ..local(&InitDataFormat::Opaque)
    }
    .to_sdp()
}

fn opaque(text: &str, component: u16) -> Option<Vec<u8>> {
    remote(text)
        .init_data("example", &InitDataFormat::Opaque, component)
        .expect("we wrote base64")
}
