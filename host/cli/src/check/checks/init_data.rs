use super::init::make;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::probe::Probe;
use handclasp::sdp::{
    InitDataFormat, LocalDescription, RemoteDescription, RtcpMux, SdpError, Setup,
};

pub(crate) const INIT_DATA: Check = Check {
    name: "init-data",
    sentence: "What init emits for the peer can travel in a session description",
    remedy: "declare init_data_type and emit what it says: see \"data types\" in handclasp.h",
    needs: Some("init"),
    run: Run::Calling(check),
};

fn check(probe: &Probe) -> Checked {
    let declared = probe.plugin.description().init_data_type.as_deref();
    let emitted = make(probe)?.init_data.clone();
    let finding = |error: &dyn std::fmt::Display| Objection::finding(error.to_string());
    let format = InitDataFormat::parse(declared).map_err(|error| finding(&error))?;
    match (declared, emitted.is_empty()) {
        (None, false) => Err(Objection::finding(
            "init emits data for the peer, and init_data_type is NULL",
        )),
        (_, true) => Ok(()),
        (Some(_), false) => {
            travel(probe.plugin.id(), &format, &emitted).map_err(|error| finding(&error))
        }
    }
}

/// Written as an offer, and read by the peer.
fn travel(plugin_id: &str, format: &InitDataFormat, data: &[u8]) -> Result<(), SdpError> {
    let description = LocalDescription {
        session_id: 1,
        session_version: 1,
        ufrag: "check",
        pwd: "0123456789abcdefghijkl",
        ice_lite: false,
        setup: Setup::ActPass,
        rtcp_mux: RtcpMux::Only,
        default_addresses: &[None],
        candidates: &[],
        end_of_candidates: false,
        plugin_id,
        init_data_format: format,
        init_data: &[Some(data)],
    };
    RemoteDescription::parse(&description.to_sdp()?)?
        .init_data(plugin_id, format, 1)
        .map(drop)
}
