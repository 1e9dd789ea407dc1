use super::error::{ParseError, Reason, quoted};
use super::fields::Fields;
use crate::hidden::Hidden;
use crate::similar::similar;
use crate::stream::Message;
use std::fmt;

/// What a line asks for.
#[derive(Clone, PartialEq)]
pub enum Input {
    /// Something for the stream.
    Message(Message),
    /// A datagram for the peer.
    SendPayload {
        /// The component it goes through.
        component_id: u16,
        /// 1 to [`MAX_PAYLOAD`] bytes.
        payload: Vec<u8>,
    },
}

/// Without passwords and datagrams.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::SendPayload {
                component_id,
                payload,
            } => f
                .debug_struct("SendPayload")
                .field("component_id", component_id)
                .field("payload", &Hidden(payload.len()))
                .finish(),
        }
    }
}

/// Most bytes of a datagram: the largest UDP payload of IPv4.
pub const MAX_PAYLOAD: usize = 65_507;

/// One message of the grammar.
struct Form {
    name: &'static str,
    /// All of them; those that are `optional` may be left out.
    fields: &'static [&'static str],
    optional: &'static [&'static str],
    /// Called only if the line has these fields and no others.
    read: fn(&Fields<'_>) -> Result<Input, ParseError>,
}

/// The grammar: every message and its fields.
const FORMS: &[Form] = &[
    Form {
        name: "set_remote_credentials",
        fields: &["credentials", "generation"],
        optional: &["generation"],
        read: |line| {
            let message = Message::SetRemoteCredentials {
                credentials: line.text("credentials")?,
                generation: line.number("generation")?,
            };
            Ok(message.into())
        },
    },
    Form {
        name: "set_remote_candidate",
        fields: &["candidate", "component_id"],
        optional: &[],
        read: |line| {
            let candidate = line.text("candidate")?;
            let component_id = line.component_id()?;
            let message = Message::SetRemoteCandidate {
                candidate,
                component_id,
            };
            Ok(message.into())
        },
    },
    Form {
        name: "parse_remote_sdp",
        fields: &["sdp"],
        optional: &[],
        read: |line| {
            let sdp = line.text("sdp")?;
            Ok(Message::ParseRemoteSdp { sdp }.into())
        },
    },
    Form {
        name: "generate_local_sdp",
        fields: &[],
        optional: &[],
        read: |_| Ok(Message::GenerateLocalSdp.into()),
    },
    Form {
        name: "peer_candidate_gathering_done",
        fields: &[],
        optional: &[],
        read: |_| Ok(Message::PeerCandidateGatheringDone.into()),
    },
    Form {
        name: "gather_candidates",
        fields: &[],
        optional: &[],
        read: |_| Ok(Message::GatherCandidates.into()),
    },
    Form {
        name: "restart_stream",
        fields: &[],
        optional: &[],
        read: |_| Ok(Message::RestartStream.into()),
    },
    Form {
        name: "set_peer_init_data",
        fields: &[
            "component_id",
            "role",
            "init_data",
            "association",
            "payload_protection",
        ],
        optional: &["association", "payload_protection"],
        read: |line| {
            line.payload_protection()?;
            let message = Message::SetPeerInitData {
                component_id: line.component_id()?,
                role: line.role()?,
                init_data: line.bytes("init_data")?,
                association: line.number("association")?,
            };
            Ok(message.into())
        },
    },
    Form {
        name: "listen",
        fields: &["component_id"],
        optional: &[],
        read: |line| {
            let component_id = line.component_id()?;
            Ok(Message::Listen { component_id }.into())
        },
    },
    Form {
        name: "export_key",
        fields: &["component_id", "label", "context", "length"],
        optional: &["context"],
        read: |line| {
            let message = Message::ExportKey {
                component_id: line.component_id()?,
                label: line.text("label")?,
                context: line
                    .get("context")
                    .map(|_| line.bytes("context"))
                    .transpose()?,
                length: line.length()?,
            };
            Ok(message.into())
        },
    },
    Form {
        name: "send_payload",
        fields: &["component_id", "payload"],
        optional: &[],
        read: read_payload,
    },
    Form {
        name: "close",
        fields: &[],
        optional: &[],
        read: |_| Ok(Message::Close.into()),
    },
    Form {
        name: "stop",
        fields: &[],
        optional: &[],
        read: |_| Ok(Message::Stop.into()),
    },
];

fn read_payload(line: &Fields<'_>) -> Result<Input, ParseError> {
    let (component_id, payload) = (line.component_id()?, line.bytes("payload")?);
    if !(1..=MAX_PAYLOAD).contains(&payload.len()) {
        return Err(ParseError {
            column: line.column_of("payload"),
            reason: Reason::PayloadSize(payload.len()),
        });
    }
    Ok(Input::SendPayload {
        component_id,
        payload,
    })
}

/// Every message of the grammar, with its fields, those that may be left out as well.
pub fn messages() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    FORMS.iter().map(|form| (form.name, form.fields))
}

impl From<Message> for Input {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl Input {
    /// Reads one line. Space around it, and its end, do not count.
    ///
    /// # Errors
    /// Where the line is wrong, and what to write instead.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        Self::read(&Fields::parse(line)?)
    }

    fn read(fields: &Fields<'_>) -> Result<Self, ParseError> {
        let form = Form::of(fields)?;
        form.check(fields)?;
        (form.read)(fields)
    }
}

/// A line to a host of many streams.
#[derive(Debug, PartialEq)]
pub enum Addressed {
    /// It has a field `stream`, the stream's name; the rest is the stream's. A wrong rest names its stream as well.
    Stream(String, Result<Input, ParseError>),
    /// It has a field `request`: it is for the host itself, who knows what else may stand there.
    Request,
}

impl Addressed {
    /// Reads one line.
    ///
    /// # Errors
    /// Where the line is wrong, or says neither for which stream it is nor what is requested.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        let mut fields = Fields::parse(line)?;
        if let Some(stream) = fields.take_text("stream")?
            && fields.get("request").is_none()
        {
            return Ok(Self::Stream(stream, Input::read(&fields)));
        }
        match fields.get("request") {
            Some(_) => Ok(Self::Request),
            None => Err(ParseError {
                column: 1,
                reason: Reason::NoStream,
            }),
        }
    }
}

impl Form {
    fn of(line: &Fields<'_>) -> Result<&'static Self, ParseError> {
        let Some(field) = line.get("message") else {
            return Err(ParseError {
                column: 1,
                reason: Reason::NoMessage,
            });
        };
        let name = line.text("message")?;
        let form = FORMS.iter().find(|form| form.name == name);
        form.ok_or_else(|| ParseError {
            column: line.column_of(&field.name),
            reason: Reason::UnknownMessage {
                similar: message_of(&name)
                    .or_else(|| similar(FORMS.iter().map(|form| form.name), &name)),
                name: quoted(&name),
                known: FORMS.iter().map(|form| form.name).collect(),
            },
        })
    }

    /// All that are needed are there, and no others: a misspelt one is named before the one that is missing for it.
    fn check(&self, line: &Fields<'_>) -> Result<(), ParseError> {
        let known = |name: &str| name == "message" || self.fields.contains(&name);
        if let Some(field) = line.iter().find(|field| !known(&field.name)) {
            return Err(field.wrong(Reason::UnknownField {
                message: self.name,
                similar: similar(self.fields.iter().copied(), &field.name),
                field: quoted(&field.name),
                known: self.fields,
            }));
        }
        let mut needed = self
            .fields
            .iter()
            .filter(|name| !self.optional.contains(name));
        match needed.find(|name| line.get(name).is_none()) {
            Some(&field) => Err(ParseError {
                column: line.column_of("message"),
                reason: Reason::MissingField {
                    message: self.name,
                    field,
                },
            }),
            None => Ok(()),
        }
    }
}

/// The message by which an event of one side's is told to the other.
fn message_of(event: &str) -> Option<&'static str> {
    Some(match event {
        "handshake_init_data" => "set_peer_init_data",
        "local_credentials" => "set_remote_credentials",
        "new_candidate_full" => "set_remote_candidate",
        "candidate_gathering_done" => "peer_candidate_gathering_done",
        "local_sdp" => "parse_remote_sdp",
        "ice_payload" => "send_payload",
        _ => return None,
    })
}
