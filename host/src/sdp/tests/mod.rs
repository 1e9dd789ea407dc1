mod fixtures;
mod limits;
mod local;
mod properties;
mod remote;

use super::{InitDataFormat, LocalDescription, RemoteDescription, RtcpMux, Setup};

fn webrtc() -> InitDataFormat {
    InitDataFormat::parse(Some("sdp-attributes:fingerprint,tls-id"))
        .expect("both names are allowed")
}

/// A description without candidates and init data, for tests to add to.
fn local(format: &InitDataFormat) -> LocalDescription<'_> {
    LocalDescription {
        session_id: 4611731400430051336,
        session_version: 2,
        ufrag: "8hhY",
        pwd: "asd88fgpdd777uzjYhagZg",
        ice_lite: false,
        setup: Setup::ActPass,
        rtcp_mux: RtcpMux::Off,
        default_addresses: &[],
        candidates: &[],
        end_of_candidates: false,
        plugin_id: "example",
        init_data_format: format,
        init_data: &[],
    }
}

fn remote(text: &str) -> RemoteDescription {
    RemoteDescription::parse(text).expect("the text is a usable description")
}

/// The peer's lines as text, as component 1 gets them.
fn lines(remote: &RemoteDescription, format: &InitDataFormat) -> Option<String> {
    let data = remote
        .init_data("example", format, 1)
        .expect("attributes need no decoding")?;
    Some(String::from_utf8(data).expect("a piece of text is text"))
}
