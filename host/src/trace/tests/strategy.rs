//! Any record, for the tests of whoever reads traces.
use super::trace::{
    CallRecord, Datagram, Direction, Fate, Header, Kind, Missed, Record, Status, Stun, StunClass,
    Trace, Transport, What,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{IpAddr, SocketAddr};

pub(crate) fn trace() -> impl Strategy<Value = Trace> {
    let records = vec(record(), 0..40);
    (any::<u64>(), records, any::<bool>()).prop_map(|(unix_us, mut records, cut_off)| {
        records.sort_by_key(|record| record.us);
        Trace {
            header: header(unix_us),
            records,
            cut_off,
        }
    })
}

pub(crate) fn header(unix_us: u64) -> Header {
    Header {
        trace: Header::TRACE.to_owned(),
        version: Header::VERSION,
        program: "0.1.0".to_owned(),
        unix_us,
    }
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let stream = select(vec!["a", "b", ""]).prop_map(str::to_owned);
    (any::<u64>(), stream, what()).prop_map(|(us, stream, what)| Record { us, stream, what })
}

fn what() -> impl Strategy<Value = What> {
    let component = || 0..3_u16;
    let text = any::<String>;
    prop_oneof![
        datagram().prop_map(What::Datagram),
        call().prop_map(What::Call),
        (text(), text(), any::<u16>(), any::<bool>()).prop_map(
            |(plugin, plugin_version, components, controlling)| What::Opened {
                plugin,
                plugin_version,
                components,
                controlling,
            }
        ),
        (component(), any::<usize>()).prop_map(|(component_id, bytes)| What::HandshakeInitData {
            component_id,
            bytes
        }),
        (component(), any::<usize>()).prop_map(|(component_id, bytes)| What::HandshakeData {
            component_id,
            bytes
        }),
        (component(), text(), any::<usize>()).prop_map(|(component_id, label, bytes)| {
            What::ExportedKey {
                component_id,
                label,
                bytes,
            }
        }),
        (component(), text(), text()).prop_map(|(component_id, label, reason)| {
            What::CouldNotExportKey {
                component_id,
                label,
                reason,
            }
        }),
        (component(), text()).prop_map(|(component_id, candidate)| What::NewCandidateFull {
            component_id,
            candidate
        }),
        (component(), text()).prop_map(|(component_id, candidate)| {
            What::NewRemoteCandidateFull {
                component_id,
                candidate,
            }
        }),
        (component(), address(), address(), transport()).prop_map(
            |(component_id, local, remote, transport)| What::NewSelectedPair {
                component_id,
                local,
                remote,
                transport,
            }
        ),
        (component(), text()).prop_map(|(component_id, reason)| What::ComponentStateFailed {
            component_id,
            reason
        }),
        (component(), text()).prop_map(|(component_id, reason)| What::CouldNotSendPayload {
            component_id,
            reason
        }),
        (component(), any::<bool>()).prop_map(|(component_id, by_peer)| What::ComponentClosed {
            component_id,
            by_peer
        }),
        component().prop_map(|component_id| What::ComponentStateReady { component_id }),
        component().prop_map(|component_id| What::ComponentStateDisconnected { component_id }),
        text().prop_map(|warning| What::Warning { warning }),
        missed().prop_map(What::Missed),
        (component(), waits(), text()).prop_map(|(component_id, waited, reason)| What::Dropped {
            component_id,
            waited,
            reason
        }),
        select(vec![
            What::LocalCredentials,
            What::CandidateGatheringDone,
            What::LocalSdp,
            What::Stopped
        ]),
    ]
}

fn call() -> impl Strategy<Value = CallRecord> {
    let statuses = vec![
        Status::Pending,
        Status::Finished,
        Status::Closed,
        Status::Failed,
    ];
    let names = select(vec!["init", "on_deadline", "recv_from_peer"]);
    let numbers = (0..3_u16, any::<u64>(), any::<u64>());
    (numbers, names, select(statuses), of(any::<String>())).prop_map(
        |((component_id, packets, took_us), call, status, sentence)| CallRecord {
            component_id,
            call: call.to_owned(),
            status,
            packets,
            took_us,
            sentence,
        },
    )
}

prop_compose! {
    fn missed()(
        component_id in of(0..3_u16),
        (count, until_us) in (any::<u64>(), any::<u64>()),
        sent in btree_map(kind(), any::<u64>(), 0..3),
        received in btree_map(kind(), any::<u64>(), 0..3),
        [bytes_sent, bytes_received, lost, stray] in any::<[u64; 4]>(),
    ) -> Missed {
        Missed { component_id, count, until_us, sent, received, bytes_sent, bytes_received, lost, stray }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    select(vec![
        Kind::Stun,
        Kind::Dtls,
        Kind::TurnChannel,
        Kind::Rtp,
        Kind::Other,
    ])
}

prop_compose! {
    fn datagram()(
        component_id in 0..3_u16,
        direction in select(vec![Direction::Out, Direction::In]),
        (local, remote) in (address(), address()),
        bytes in any::<u16>(),
        (kind, relays) in (kind(), of(kind())),
        transport in transport(),
        fate in of(select(vec![Fate::Lost, Fate::Stray, Fate::Dropped])),
        (reason, waits) in (of(any::<String>()), waits()),
        stun in of(stun()),
        contents in of(contents()),
    ) -> Datagram {
        Datagram {
            component_id, direction, local, remote, transport, bytes, kind, relays, fate, reason, waits, stun, contents,
        }
    }
}

/// Of few hosts, so that some datagrams go where others come from.
fn address() -> impl Strategy<Value = SocketAddr> {
    let hosts: Vec<IpAddr> = vec![
        [192, 0, 2, 1].into(),
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
    ];
    (select(hosts), 1..3_u16).prop_map(SocketAddr::from)
}

/// Few numbers, so that some of those that wait are dropped.
fn waits() -> impl Strategy<Value = Option<u64>> {
    of(0..3_u64)
}

fn stun() -> impl Strategy<Value = Stun> {
    let classes = vec![
        StunClass::Request,
        StunClass::Indication,
        StunClass::Success,
        StunClass::Error,
    ];
    let texts = (any::<String>(), any::<String>());
    (select(classes), texts, any::<bool>(), of(any::<u16>())).prop_map(
        |(class, (method, transaction), use_candidate, error_code)| Stun {
            class,
            method,
            transaction,
            use_candidate,
            error_code,
        },
    )
}

/// Anything, and DTLS records with anything in them.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    let record = (20..27_u8, 0..2_u8, vec(any::<u8>(), 0..40)).prop_map(|(kind, epoch, body)| {
        let mut record = vec![
            kind,
            0xfe,
            0xfd,
            0,
            epoch,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            body.len() as u8,
        ];
        record.extend(body);
        record
    });
    prop_oneof![
        vec(any::<u8>(), 0..60),
        vec(record, 1..4).prop_map(|records| records.concat()),
    ]
}

fn transport() -> impl Strategy<Value = Option<Transport>> {
    of(select(vec![Transport::Tcp, Transport::Tls]))
}
