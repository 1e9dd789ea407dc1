use super::{fixtures, local};
use crate::sdp::{
    InitDataFormat, LocalDescription, RemoteDescription, RtcpMux, Setup, check_credentials,
};
use crate::sdp::{MAX_CANDIDATES, MAX_TEXT};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Whatever is accepted is within the limits, and asking it for init data is safe.
fn parse(text: &str) {
    let Ok(description) = RemoteDescription::parse(text) else {
        return;
    };
    assert!(text.len() <= MAX_TEXT);
    assert!(description.candidates.len() <= MAX_CANDIDATES);
    assert!(
        description
            .candidates
            .iter()
            .all(|(component, _)| (1..=256).contains(component))
    );
    assert_eq!(
        check_credentials(&description.ufrag, &description.pwd),
        Ok(())
    );
    for component in [0, 1, 2, u16::MAX] {
        let lines = description
            .init_data("x", &super::webrtc(), component)
            .expect("needs no decoding");
        assert!(!lines.unwrap_or_default().contains(&b'\r'));
        let _ = description.init_data("x", &InitDataFormat::Opaque, component);
    }
}

fn fixture() -> impl Strategy<Value = &'static str> {
    select(vec![
        fixtures::CHROME,
        fixtures::GSTREAMER,
        fixtures::AIORTC,
        fixtures::BUNDLE,
    ])
}

/// Text that looks enough like SDP to get past the first line.
fn fragment() -> impl Strategy<Value = String> {
    let known = select(vec![
        "\n",
        "\r\n",
        "\r",
        "\0",
        "=",
        ":",
        " ",
        "/",
        "a=",
        "m=",
        "c=",
        "0",
        "65536",
        "a=mid:",
        "a=group:BUNDLE",
        "a=candidate:",
        "a=handclasp-init:x AAA=",
        "a=ice-ufrag",
        "a=setup:",
        "a=rtcp-mux",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "m=audio 9 x x\n",
        "v=0\n",
    ]);
    prop_oneof![known.prop_map(str::to_owned), any::<String>()]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), fragments in vec(fragment(), 0..40)) {
        parse(&text);
        parse(&format!("v=0\n{}", fragments.concat()));
    }

    #[test]
    fn a_damaged_description_is_read_or_refused(
        fixture in fixture(),
        damage in vec((any::<Index>(), any::<Index>(), fragment()), 1..6),
    ) {
        let mut text: Vec<char> = fixture.chars().collect();
        for (start, length, fragment) in damage {
            let start = start.index(text.len() + 1);
            let end = start + length.index((text.len() - start).min(60) + 1);
            text.splice(start..end, fragment.chars());
        }
        parse(&text.into_iter().collect::<String>());
    }

    #[test]
    fn lines_in_any_order_are_read_or_refused(fixture in fixture(), order in vec(any::<Index>(), 0..60)) {
        let lines: Vec<&str> = fixture.lines().collect();
        let shuffled: Vec<&str> = order.iter().map(|index| lines[index.index(lines.len())]).collect();
        parse(&format!("v=0\n{}\n", shuffled.join("\n")));
    }
}

fn ice_string(length: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    let alphabet = b"ABCXYZabcxyz0189+/".map(char::from);
    vec(select(alphabet.to_vec()), length).prop_map(String::from_iter)
}

fn candidate() -> impl Strategy<Value = (u16, String)> {
    (
        1..=256_u16,
        any::<u32>(),
        any::<std::net::IpAddr>(),
        any::<u16>(),
    )
        .prop_map(|(component, priority, ip, port)| {
            (
                component,
                format!("candidate:{priority} {component} udp {priority} {ip} {port} typ host"),
            )
        })
}

fn attribute() -> impl Strategy<Value = String> {
    let value = any::<String>().prop_map(|value| value.replace(['\r', '\n', '\0'], ""));
    (select(vec!["fingerprint", "tls-id"]), option::of(value)).prop_map(|(name, value)| match value
    {
        Some(value) => format!("{name}:{value}"),
        None => name.to_owned(),
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    select(vec![
        Setup::Active,
        Setup::Passive,
        Setup::ActPass,
        Setup::HoldConn,
    ])
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        session in (any::<u64>(), any::<u64>()),
        credentials in (ice_string(4..=256), ice_string(22..=256)),
        flags in any::<(bool, bool)>(),
        setup in setup(),
        rtcp_mux in select(vec![RtcpMux::Off, RtcpMux::On, RtcpMux::Only]),
        default_addresses in vec(option::of(any::<std::net::SocketAddr>()), 0..4),
        candidates in vec(candidate(), 0..20),
    ) {
        let lines: Vec<String> = candidates.iter().map(|(_, line)| line.clone()).collect();
        let description = LocalDescription {
            session_id: session.0,
            session_version: session.1,
            ufrag: &credentials.0,
            pwd: &credentials.1,
            ice_lite: flags.0,
            setup,
            rtcp_mux,
            default_addresses: &default_addresses,
            candidates: &lines,
            end_of_candidates: flags.1,
            ..local(&InitDataFormat::Opaque)
        };
        let peer = super::remote(&description.to_sdp().expect("nothing in it is illegal"));
        prop_assert_eq!((peer.ufrag, peer.pwd), credentials);
        prop_assert_eq!((peer.ice_lite, peer.end_of_candidates), flags);
        prop_assert_eq!(peer.setup, Some(setup));
        prop_assert_eq!(peer.rtcp_mux, rtcp_mux != RtcpMux::Off);
        prop_assert_eq!(peer.candidates, candidates);
    }

    #[test]
    fn opaque_init_data_is_read_back(
        data in vec(option::of(vec(any::<u8>(), 0..80)), 1..5),
    ) {
        let components: Vec<Option<&[u8]>> = data.iter().map(Option::as_deref).collect();
        let format = InitDataFormat::Opaque;
        let text = LocalDescription { init_data: &components, ..local(&format) }.to_sdp().expect("legal");
        let peer = super::remote(&text);
        let some = components.iter().any(Option::is_some);
        for (component, data) in (1..).zip(&components) {
            let expected = some.then(|| data.unwrap_or_default().to_vec());
            prop_assert_eq!(peer.init_data("example", &format, component), Ok(expected));
        }
    }

    #[test]
    fn attributes_are_read_back_without_duplicates(written in vec(attribute(), 0..8)) {
        let data = written.join("\n");
        let format = super::webrtc();
        let init_data = [Some(data.as_bytes()), Some(data.as_bytes())];
        let text = LocalDescription { init_data: &init_data, ..local(&format) }.to_sdp().expect("legal");
        let mut expected: Vec<String> = Vec::new();
        for line in written {
            if !expected.contains(&line) {
                expected.push(line);
            }
        }
        let expected = (!expected.is_empty()).then(|| expected.join("\n"));
        prop_assert_eq!(super::lines(&super::remote(&text), &format), expected);
    }
}
