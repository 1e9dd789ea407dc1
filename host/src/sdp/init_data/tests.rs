use super::InitDataFormat;
use crate::sdp::InitDataFormatError;

#[test]
fn declared_names_become_attributes() {
    let names = ["fingerprint", "tls-id"].map(str::to_owned).to_vec();
    let format = InitDataFormat::parse(Some("sdp-attributes:fingerprint,tls-id"));
    assert_eq!(format, Ok(InitDataFormat::Attributes(names)));
}

#[test]
fn any_other_type_is_opaque() {
    for declared in [
        None,
        Some(""),
        Some("noise-static-key"),
        Some("sdp-attributes-2:mid"),
    ] {
        assert_eq!(
            InitDataFormat::parse(declared),
            Ok(InitDataFormat::Opaque),
            "{declared:?}"
        );
    }
}

#[test]
fn names_of_the_host_are_refused() {
    for name in [
        "candidate",
        "ice-ufrag",
        "ice-x",
        "setup",
        "Setup",
        "mid",
        "rtcp",
        "rtcp-mux",
        "rtcp-mux-only",
        "end-of-candidates",
        "handclasp-init",
    ] {
        let refused = InitDataFormat::parse(Some(&format!("sdp-attributes:tls-id,{name}")));
        assert_eq!(refused, Err(InitDataFormatError::Reserved(name.to_owned())));
    }
}

#[test]
fn names_must_be_there_and_be_tokens() {
    for declared in ["sdp-attributes", "sdp-attributes:"] {
        assert_eq!(
            InitDataFormat::parse(Some(declared)),
            Err(InitDataFormatError::NoNames)
        );
    }
    for name in ["", " tls-id", "tls id", "a:b", "a=b", "a\nb", "\u{e9}"] {
        let refused = InitDataFormat::parse(Some(&format!("sdp-attributes:fingerprint,{name}")));
        assert_eq!(
            refused,
            Err(InitDataFormatError::NotAToken(name.to_owned()))
        );
    }
}
