//! A datagram or an event in a few words.
use super::flight;
use handclasp::plugin::CallName;
use handclasp::trace::{
    CallRecord, Datagram, Kind, Missed, Status, Stun, StunClass, What, dtls_records,
};
use handclasp::{counted, printable};
use std::collections::BTreeMap;

/// What a datagram is, without its length.
pub(super) fn datagram(datagram: &Datagram) -> String {
    let words = own(datagram);
    match datagram.relays {
        Some(Kind::Stun) => words + " (STUN)",
        Some(Kind::Dtls) => words + " (DTLS)",
        Some(Kind::Rtp) => words + " (RTP or RTCP)",
        _ => words,
    }
}

/// A datagram of a handshake, with its length.
pub(crate) fn payload(bytes: &[u8]) -> String {
    let words = match (dtls_records(bytes), bytes.first()) {
        (Some(records), _) => format!("DTLS {}", flight::words(&records)),
        (None, Some(first)) => format!("datagram {first:#04x}…"),
        (None, None) => "datagram".to_owned(),
    };
    format!("{words}, {} B", bytes.len())
}

fn own(datagram: &Datagram) -> String {
    match datagram.kind {
        Kind::Stun => datagram.stun.as_ref().map_or("STUN".to_owned(), stun),
        Kind::Dtls => match datagram.contents.as_deref().and_then(dtls_records) {
            Some(records) => format!("DTLS {}", flight::words(&records)),
            None => "datagram".to_owned(),
        },
        Kind::TurnChannel => "TURN channel data".to_owned(),
        Kind::Rtp => "RTP or RTCP".to_owned(),
        Kind::Other => "datagram".to_owned(),
    }
}

fn stun(stun: &Stun) -> String {
    let class = match stun.class {
        StunClass::Request => "request",
        StunClass::Indication => "indication",
        StunClass::Success => "success",
        StunClass::Error => "error",
    };
    let mut words = format!("STUN {} {class}", printable(&stun.method));
    if let Some(code) = stun.error_code {
        words += &format!(" {code}");
    }
    if stun.use_candidate {
        words += ", USE-CANDIDATE";
    }
    words
}

/// An event that is no datagram.
pub(super) fn event(what: &What) -> Option<String> {
    Some(match what {
        What::Opened {
            plugin,
            plugin_version,
            components,
            controlling,
        } => {
            let role = if *controlling {
                "controlling"
            } else {
                "controlled"
            };
            let noun = plural((*components).into(), "component");
            format!(
                "opened: {} {}, {components} {noun}, {role}",
                printable(plugin),
                printable(plugin_version)
            )
        }
        What::HandshakeInitData { bytes: 0, .. } => "handshake prepared".to_owned(),
        What::HandshakeInitData { bytes, .. } => {
            format!(
                "handshake prepared, {} for the peer",
                counted(*bytes, "byte")
            )
        }
        What::LocalCredentials => "ICE credentials made".to_owned(),
        What::NewCandidateFull { candidate, .. } => format!("candidate {}", short(candidate)),
        What::CandidateGatheringDone => "no more candidates".to_owned(),
        What::NewRemoteCandidateFull { candidate, .. } => {
            format!("peer's candidate {}", short(candidate))
        }
        What::NewSelectedPair {
            local,
            remote,
            transport,
            ..
        } => {
            let over = transport.map_or("", |_| " over TCP");
            format!("selected pair {local} to {remote}{over}")
        }
        What::HandshakeData { bytes, .. } => {
            format!(
                "handshake finished, {} of keys (not kept)",
                counted(*bytes, "byte")
            )
        }
        What::ExportedKey { label, bytes, .. } => format!(
            "key \"{}\" exported, {} (not kept)",
            printable(label),
            counted(*bytes, "byte")
        ),
        What::CouldNotExportKey { label, reason, .. } => format!(
            "key \"{}\" not exported: {}",
            printable(label),
            printable(reason)
        ),
        What::ComponentStateReady { .. } => "ready".to_owned(),
        What::ComponentStateDisconnected { .. } => "the peer is silent".to_owned(),
        What::ComponentStateFailed { reason, .. } => format!("failed: {}", printable(reason)),
        What::ComponentClosed { by_peer: true, .. } => "closed by the peer".to_owned(),
        What::ComponentClosed { .. } => "closed".to_owned(),
        What::CouldNotSendPayload { reason, .. } => format!("not sent: {}", printable(reason)),
        What::LocalSdp => "SDP made".to_owned(),
        What::Warning { warning } => format!("warning: {}", printable(warning)),
        What::Stopped => "stopped".to_owned(),
        What::Call(made) => call(made),
        What::Dropped { reason, .. } => format!("a datagram dropped: {}", printable(reason)),
        What::Missed(gap) => missed(gap),
        What::Datagram(_) | What::Unknown => return None,
    })
}

/// What does not stand in the trace.
fn missed(gap: &Missed) -> String {
    let total = |counts: &BTreeMap<Kind, u64>| {
        let counts = counts.values();
        counts.fold(0, |sum: u64, count| sum.saturating_add(*count))
    };
    let (sent, received) = (total(&gap.sent), total(&gap.received));
    let others = gap.count.saturating_sub(sent).saturating_sub(received);
    let counts = [
        (sent, "datagrams out"),
        (received, "in"),
        (others, "others"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!(
        "missing here, for the disk could not keep up: {}",
        counts.join(", ")
    )
}

fn call(call: &CallRecord) -> String {
    let status = match call.status {
        Status::Pending if call.call == CallName::Destroy.as_str() => "done",
        Status::Pending => "pending",
        Status::Finished => "finished",
        Status::Closed => "closed",
        Status::Failed => "failed",
    };
    let mut words = format!("{}: {status}", printable(&call.call));
    if call.packets > 0 {
        let noun = plural(call.packets, "packet");
        words += &format!(", {} {noun}", call.packets);
    }
    words += &format!(", {}", millis(call.took_us));
    if let Some(sentence) = &call.sentence {
        words += &format!(": {}", printable(sentence));
    }
    words
}

pub(crate) fn plural(count: u64, noun: &str) -> String {
    match count {
        1 => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

/// Milliseconds to the microsecond.
pub(super) fn millis(us: u64) -> String {
    format!("{}.{:03} ms", us / 1000, us % 1000)
}

/// Type, address and port of a candidate; all of it where it is none.
fn short(candidate: &str) -> String {
    let candidate = printable(candidate);
    let words: Vec<&str> = candidate.split_whitespace().collect();
    match words[..] {
        [_, _, transport, _, address, port, "typ", of_type, ..] => {
            let host = match address.contains(':') {
                true => format!("[{address}]"),
                false => address.to_owned(),
            };
            format!("{of_type} {host}:{port} {transport}")
        }
        _ => candidate,
    }
}
