//! Full sessions against what they cannot do without, and against OpenSSL.
use super::baseline::Baseline;
use super::datagrams::Datagrams;
use super::figure::{Figure, Target};
use super::sessions::Sessions;
use super::setup::{NO_HANDSHAKE, PLUGIN, Setup};
use super::show;
use super::side::measure;
use crate::exit::Failed;

/// The host's sessions are measured once, for both comparisons.
pub(super) fn figures(setup: &Setup) -> Result<Vec<Figure>, Failed> {
    show::progress("full sessions, DTLS alone in memory, and datagrams alone");
    let mut sessions = Sessions::new(setup.plugins, PLUGIN)?;
    let mut datagrams = Datagrams::of(&sessions).map_err(Failed::new)?;
    let (count, bytes) = (datagrams.count(), datagrams.bytes());
    let [host, bare, dimpl, datagrams, openssl] = measure(
        [
            &mut sessions,
            &mut Sessions::new(setup.plugins, NO_HANDSHAKE)?,
            &mut Baseline::new("dimpl", "run `make bench`"),
            &mut datagrams,
            &mut Baseline::new("openssl", "install libssl-dev, then run `make bench`"),
        ],
        setup.time,
    )
    .map(|nanos| nanos.map(|nanos| nanos / 1e3));
    let micros = |measured: &Result<f64, String>| match measured {
        Ok(micros) => format!("{micros:.1} µs"),
        Err(reason) => reason.clone(),
    };
    let floor_is = format!(
        "the floor is DTLS in memory, {}, and {count} datagrams of {bytes} bytes in all, as they were recorded, one \
         system call for each that leaves or arrives, {}",
        micros(&dimpl),
        micros(&datagrams),
    );
    let counted = "counted are both ends, of which one has a port for all its streams and one a port for each, \
                   fresh certificates included";
    let floor = dimpl.and_then(|dimpl| Ok(dimpl + datagrams?));
    let figure = |name, what, baseline, target, note| Figure {
        name,
        what,
        unit: "µs of CPU",
        host: host.clone(),
        baseline: Some(baseline),
        target: Target::RatioAtLeast(target),
        note,
    };
    Ok(vec![
        figure(
            "session_floor",
            "full session, against dimpl in memory and its datagrams",
            floor,
            0.9,
            format!(
                "{counted}; {floor_is}; full sessions with plugin none, so ICE and sockets alone: {}",
                micros(&bare)
            ),
        ),
        figure(
            "session_openssl",
            "full session, against OpenSSL in memory",
            openssl,
            2.0,
            format!("{counted}; OpenSSL speaks DTLS 1.2"),
        ),
    ])
}
