//! Messages at random, sensible ones and others.
use super::datagram::COMPONENTS;
use fastrand::Rng;
use handclasp::plugin::Role;
use handclasp::stream::Message;

/// Labels of keys; with one there is always the same context and length.
const LABELS: [&str; 3] = ["EXPORTER-stress", "EXPORTER-stress again", "EXPORTER"];

/// What a program may say to any stream.
pub(super) fn sensible(random: &mut Rng) -> Message {
    let component_id = random.u16(1..=COMPONENTS);
    match random.u8(..8) {
        0 => Message::RestartStream,
        1 => Message::GatherCandidates,
        2 => Message::Listen { component_id },
        3 | 4 => {
            let which = random.usize(..LABELS.len());
            Message::ExportKey {
                component_id,
                label: LABELS[which].to_owned(),
                context: (which > 0).then(|| vec![7; which * 1000]),
                length: 32 << which,
            }
        }
        5 => Message::PeerCandidateGatheringDone,
        _ => Message::GenerateLocalSdp,
    }
}

/// What no program should say.
pub(super) fn garbage(random: &mut Rng) -> Message {
    let component_id = random.u16(..5);
    let length = random.usize(..2000);
    let text: String = (0..length).map(|_| random.char(..)).collect();
    let number = random.bool().then(|| random.u64(..));
    match random.u8(..7) {
        0 => Message::SetRemoteCredentials {
            credentials: text,
            generation: number,
        },
        1 => Message::SetRemoteCandidate {
            candidate: format!("candidate:1 {component_id} udp 1 127.0.0.1 9 typ host {text}"),
            component_id,
        },
        2 => Message::SetRemoteCandidate {
            candidate: format!("candidate:1 1 udp 1 127.0.0.1 {} typ host", random.u16(1..)),
            component_id: 1,
        },
        3 => Message::ParseRemoteSdp {
            sdp: format!(
                "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 x 0\r\na={text}"
            ),
        },
        4 => Message::SetPeerInitData {
            component_id,
            role: if random.bool() {
                Role::Initiator
            } else {
                Role::Responder
            },
            init_data: text.into_bytes(),
            association: number,
        },
        5 => Message::ExportKey {
            component_id,
            label: text,
            context: Some(vec![0; random.usize(..70_000)]),
            length: random.usize(..10_000),
        },
        _ => Message::Listen { component_id },
    }
}
