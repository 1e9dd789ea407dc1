//! What plugins declare and produce for their peers, on its way through a description in each format.
#![no_main]
use arbitrary::Arbitrary;
use handclasp::sdp::{InitDataFormat, LocalDescription, RemoteDescription, RtcpMux, Setup};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Plugin<'a> {
    id: &'a str,
    declared: Declared<'a>,
    produced: Vec<Option<&'a [u8]>>,
}

#[derive(Arbitrary, Debug)]
enum Declared<'a> {
    Fingerprint,
    Opaque,
    Anything(&'a str),
}

fuzz_target!(|plugin: Plugin<'_>| {
    let declared = match plugin.declared {
        Declared::Fingerprint => Some("sdp-attributes:fingerprint,tls-id"),
        Declared::Opaque => None,
        Declared::Anything(text) => Some(text),
    };
    let Ok(format) = InitDataFormat::parse(declared) else {
        return;
    };
    let local = LocalDescription {
        session_id: 1,
        session_version: 1,
        ufrag: "ufrag",
        pwd: "passwordpasswordpassword",
        ice_lite: false,
        setup: Setup::ActPass,
        rtcp_mux: RtcpMux::Off,
        default_addresses: &[],
        candidates: &[],
        end_of_candidates: true,
        plugin_id: plugin.id,
        init_data_format: &format,
        init_data: &plugin.produced,
    };
    let text = match local.to_sdp() {
        Ok(text) => text,
        Err(error) => {
            let _ = error.to_string();
            return;
        }
    };
    let remote = RemoteDescription::parse(&text).expect("nothing is written that is not read");
    for (component_id, produced) in (1..).zip(&plugin.produced) {
        let read = remote.init_data(plugin.id, &format, component_id);
        let read = read.expect("what the host wrote it can read");
        if format == InitDataFormat::Opaque && plugin.produced.iter().any(Option::is_some) {
            // One without counts as one with nothing, as soon as another has some.
            assert_eq!(read.as_deref(), Some(produced.unwrap_or_default()));
        }
    }
});
