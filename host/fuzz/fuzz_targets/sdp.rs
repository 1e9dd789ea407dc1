//! A peer's session description; what is taken from it can be written again, and is read as it was.
#![no_main]
use handclasp::sdp::{
    InitDataFormat, LocalDescription, MAX_CANDIDATES, RemoteDescription, RtcpMux, Setup,
    check_credentials,
};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// One of each kind.
static FORMATS: LazyLock<[InitDataFormat; 2]> = LazyLock::new(|| {
    [Some("sdp-attributes:fingerprint,tls-id"), Some("text")]
        .map(|declared| InitDataFormat::parse(declared).expect("both are legal"))
});

fuzz_target!(|text: &str| {
    let remote = match RemoteDescription::parse(text) {
        Ok(remote) => remote,
        Err(error) => {
            let _ = error.to_string();
            return;
        }
    };
    assert_eq!(check_credentials(&remote.ufrag, &remote.pwd), Ok(()));
    assert!(remote.candidates.len() <= MAX_CANDIDATES);
    for format in FORMATS.iter() {
        for component_id in [1, 2, 256] {
            let _ = remote.init_data("dtls-srtp", format, component_id);
        }
        repeat(&remote, format);
    }
});

fn repeat(remote: &RemoteDescription, format: &InitDataFormat) {
    let candidates: Vec<String> = remote
        .candidates
        .iter()
        .map(|(_, line)| line.clone())
        .collect();
    let init_data = remote.init_data("dtls-srtp", format, 1).ok().flatten();
    let local = LocalDescription {
        session_id: 1,
        session_version: 1,
        ufrag: &remote.ufrag,
        pwd: &remote.pwd,
        ice_lite: remote.ice_lite,
        setup: remote.setup.unwrap_or(Setup::ActPass),
        rtcp_mux: match remote.rtcp_mux {
            true => RtcpMux::On,
            false => RtcpMux::Off,
        },
        default_addresses: &[None, None],
        candidates: &candidates,
        end_of_candidates: remote.end_of_candidates,
        plugin_id: "dtls-srtp",
        init_data_format: format,
        init_data: &[init_data.as_deref()],
    };
    let Ok(text) = local.to_sdp() else {
        return; // a peer may bear with more than this host writes
    };
    let again = RemoteDescription::parse(&text).expect("nothing is written that is not read");
    assert_eq!(again.ufrag, remote.ufrag);
    assert_eq!(again.rtcp_mux, remote.rtcp_mux);
    assert_eq!(again.candidates, remote.candidates);
    assert_eq!(again.end_of_candidates, remote.end_of_candidates);
    let read = again.init_data("dtls-srtp", format, 1);
    let read = read.expect("what the host wrote it can read");
    assert_eq!(
        lines(&read),
        lines(&init_data),
        "each line stands there once"
    );
}

fn lines(init_data: &Option<Vec<u8>>) -> BTreeSet<&[u8]> {
    let lines = init_data
        .iter()
        .flat_map(|data| data.split(|byte| *byte == b'\n'));
    lines.collect()
}
