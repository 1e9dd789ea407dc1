mod event;
mod parse;
mod properties;
mod reader;

use super::{Input, messages};
use crate::plugin::Role;
use crate::stream::Message;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// One of each message.
fn inputs() -> Vec<Input> {
    let messages = [
        Message::SetRemoteCredentials {
            credentials: "8hhY asd88fgpdd777uzjYhagZg".to_owned(),
            generation: Some(3),
        },
        Message::SetRemoteCandidate {
            candidate: "candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host".to_owned(),
            component_id: 1,
        },
        Message::ParseRemoteSdp {
            sdp: "v=0\r\n".to_owned(),
        },
        Message::GenerateLocalSdp,
        Message::PeerCandidateGatheringDone,
        Message::GatherCandidates,
        Message::RestartStream,
        Message::SetPeerInitData {
            component_id: 2,
            role: Role::Responder,
            init_data: vec![0, 255, 10],
            association: Some(0),
        },
        Message::Listen { component_id: 256 },
        Message::ExportKey {
            component_id: 1,
            label: "EXPORTER-example".to_owned(),
            context: Some(Vec::new()),
            length: 32,
        },
        Message::Close,
        Message::Stop,
    ];
    let payload = Input::SendPayload {
        component_id: 1,
        payload: vec![128, 0, 255],
    };
    messages
        .into_iter()
        .map(Input::from)
        .chain([payload])
        .collect()
}

/// A message as a program would write it.
fn written(input: &Input) -> Value {
    let message = match input {
        Input::Message(message) => message,
        Input::SendPayload {
            component_id,
            payload,
        } => {
            let payload = BASE64_STANDARD.encode(payload);
            return json!({"message": "send_payload", "component_id": component_id, "payload": payload});
        }
    };
    match message {
        Message::SetRemoteCredentials {
            credentials,
            generation,
        } => with_number(
            json!({"message": "set_remote_credentials", "credentials": credentials}),
            "generation",
            *generation,
        ),
        Message::SetRemoteCandidate {
            candidate,
            component_id,
        } => {
            json!({"message": "set_remote_candidate", "candidate": candidate, "component_id": component_id})
        }
        Message::ParseRemoteSdp { sdp } => json!({"message": "parse_remote_sdp", "sdp": sdp}),
        Message::GenerateLocalSdp => json!({"message": "generate_local_sdp"}),
        Message::PeerCandidateGatheringDone => json!({"message": "peer_candidate_gathering_done"}),
        Message::GatherCandidates => json!({"message": "gather_candidates"}),
        Message::RestartStream => json!({"message": "restart_stream"}),
        Message::SetPeerInitData {
            component_id,
            role,
            init_data,
            association,
        } => with_number(
            json!({
                "message": "set_peer_init_data",
                "component_id": component_id,
                "role": match role { Role::Initiator => "initiator", Role::Responder => "responder" },
                "init_data": BASE64_STANDARD.encode(init_data),
            }),
            "association",
            *association,
        ),
        Message::Listen { component_id } => {
            json!({"message": "listen", "component_id": component_id})
        }
        Message::ExportKey {
            component_id,
            label,
            context,
            length,
        } => {
            let mut line = json!({
                "message": "export_key",
                "component_id": component_id,
                "label": label,
                "length": length,
            });
            if let Some(context) = context {
                line["context"] = json!(BASE64_STANDARD.encode(context));
            }
            line
        }
        Message::Close => json!({"message": "close"}),
        Message::Stop => json!({"message": "stop"}),
    }
}

fn with_number(mut line: Value, name: &str, number: Option<u64>) -> Value {
    if let Some(number) = number {
        line[name] = json!(number);
    }
    line
}

/// The grammar's names, so that `inputs` cannot fall behind it.
fn names() -> Vec<&'static str> {
    messages().map(|(name, _)| name).collect()
}
