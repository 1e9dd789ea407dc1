//! What a controller asks of the daemon itself.
use handclasp::similar;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A request, and what its sender calls it.
#[derive(Debug, PartialEq)]
pub(crate) struct Numbered {
    /// Told again with the response.
    pub(crate) id: Option<Value>,
    /// The name of the request, if there is such.
    pub(crate) name: Option<&'static str>,
    pub(crate) request: Result<Request, RequestError>,
}

/// A request.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Authenticate(Authenticate),
    Open(Box<Open>),
    Attach(OneStream),
    Connect(Connect),
    Stop(OneStream),
    Streams,
    Stream(OneStream),
    Plugins,
    Quarantine(Quarantine),
    Release(OnePlugin),
    Reload,
    Drain,
    Shutdown,
    Takeover(Takeover),
    Subscribe(Subscribe),
    Status,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authenticate {
    pub(crate) token: String,
}

/// What a stream is to be: as the options of `handclasp stream`, and of the configuration what is left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Open {
    pub(crate) name: Option<String>,
    pub(crate) plugin: Option<String>,
    pub(crate) options: BTreeMap<String, OptionValue>,
    pub(crate) components: Option<u16>,
    pub(crate) controlling: bool,
    pub(crate) ice_lite: Option<bool>,
    pub(crate) hide_addresses: Option<bool>,
    pub(crate) mtu: Option<u16>,
    /// Seconds.
    pub(crate) init_timeout: Option<f64>,
    pub(crate) handshake_timeout: Option<f64>,
    pub(crate) ice_timeout: Option<f64>,
    /// Whether it has ports of its own, and not the daemon's.
    pub(crate) own_ports: bool,
    /// Whether it goes on when the connection ends that opened it.
    pub(crate) detached: bool,
}

/// One value or several.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum OptionValue {
    Text(String),
    Flag(bool),
    Number(serde_json::Number),
    Several(Vec<OptionValue>),
}

impl OptionValue {
    /// As a plugin is given them.
    pub(crate) fn texts(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::Flag(flag) => vec![flag.to_string()],
            Self::Number(number) => vec![number.to_string()],
            Self::Several(values) => values.iter().flat_map(Self::texts).collect(),
        }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneStream {
    pub(crate) stream: String,
}

/// Two streams of the daemon's are each other's peers.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connect {
    pub(crate) stream: String,
    pub(crate) peer: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnePlugin {
    pub(crate) plugin: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quarantine {
    pub(crate) plugin: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// Another daemon takes this one's place.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Takeover {
    pub(crate) step: TakeoverStep,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TakeoverStep {
    /// It wants to know what there is.
    Offer,
    /// It wants to have it.
    Descriptors,
    /// It has all that it needs.
    Commit,
    /// It is in its place.
    Ready,
}

/// Events to hear of; all without.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Subscribe {
    pub(crate) events: Option<Vec<String>>,
}

/// Why a request is not understood.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("the line is not one JSON object ({0}): write one on each line")]
    Syntax(String),
    #[error("the field \"request\" is to be a string, such as \"open\"")]
    NoName,
    #[error("there is no request {name}: {}", hint(*similar))]
    Unknown {
        name: String,
        similar: Option<&'static str>,
    },
    #[error("the request \"{name}\" cannot be read: {reason}")]
    Fields { name: &'static str, reason: String },
}

fn hint(similar: Option<&str>) -> String {
    match similar {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("there are {}", NAMES.join(", ")),
    }
}

/// All there are.
pub(crate) const NAMES: [&str; 16] = [
    "authenticate",
    "open",
    "attach",
    "connect",
    "stop",
    "streams",
    "stream",
    "plugins",
    "quarantine",
    "release",
    "reload",
    "drain",
    "shutdown",
    "takeover",
    "subscribe",
    "status",
];

/// Bytes of a name beyond which it is not compared with those there are.
const MOST_LIKENED: usize = 64;
/// Most characters of a sender's text that are repeated to it.
const SHOWN: usize = 120;

impl Numbered {
    /// Reads one line, which has a field `request`.
    pub(crate) fn parse(line: &str) -> Self {
        let mut fields: Map<String, Value> = match serde_json::from_str(line) {
            Ok(fields) => fields,
            Err(error) => {
                return Self {
                    id: None,
                    name: None,
                    request: Err(RequestError::Syntax(error.to_string())),
                };
            }
        };
        let id = fields
            .remove("id")
            .filter(|id| id.is_string() || id.is_number());
        let Some(Value::String(asked)) = fields.remove("request") else {
            return Self {
                id,
                name: None,
                request: Err(RequestError::NoName),
            };
        };
        let Some(name) = NAMES.into_iter().find(|name| *name == asked) else {
            let is_short = asked.len() <= MOST_LIKENED;
            let similar = is_short.then(|| similar(NAMES, &asked)).flatten();
            let name = format!("{:?}", asked.chars().take(SHOWN).collect::<String>());
            return Self {
                id,
                name: None,
                request: Err(RequestError::Unknown { name, similar }),
            };
        };
        Self {
            id,
            name: Some(name),
            request: Request::read(name, Value::Object(fields)),
        }
    }
}

impl Request {
    fn read(name: &'static str, fields: Value) -> Result<Self, RequestError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let read = match name {
            "authenticate" => serde_json::from_value(fields).map(Self::Authenticate),
            "open" => serde_json::from_value(fields).map(Self::Open),
            "attach" => serde_json::from_value(fields).map(Self::Attach),
            "connect" => serde_json::from_value(fields).map(Self::Connect),
            "stop" => serde_json::from_value(fields).map(Self::Stop),
            "stream" => serde_json::from_value(fields).map(Self::Stream),
            "quarantine" => serde_json::from_value(fields).map(Self::Quarantine),
            "release" => serde_json::from_value(fields).map(Self::Release),
            "takeover" => serde_json::from_value(fields).map(Self::Takeover),
            "subscribe" => serde_json::from_value(fields).map(Self::Subscribe),
            _ => serde_json::from_value(fields).map(|Nothing {}| match name {
                "streams" => Self::Streams,
                "plugins" => Self::Plugins,
                "reload" => Self::Reload,
                "drain" => Self::Drain,
                "shutdown" => Self::Shutdown,
                _ => Self::Status,
            }),
        };
        read.map_err(|error| RequestError::Fields {
            name,
            reason: error.to_string().chars().take(SHOWN).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(line: &str) -> String {
        let numbered = Numbered::parse(line);
        numbered.request.expect_err(line).to_string()
    }

    #[test]
    fn an_open_takes_the_options_of_a_stream_and_leaves_the_rest_as_configured() {
        let line = r#"{"request":"open","id":7,"plugin":"dtls-srtp","options":{"a":"b","c":[1,true]},"controlling":true}"#;
        let Numbered {
            id,
            name,
            request: Ok(Request::Open(open)),
        } = Numbered::parse(line)
        else {
            panic!("{line}");
        };
        assert_eq!((id, name), (Some(Value::from(7)), Some("open")));
        assert_eq!(open.options["c"].texts(), ["1", "true"]);
        assert!(open.controlling && !open.detached && open.mtu.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_meant() {
        assert_eq!(
            error(r#"{"request":"opne"}"#),
            "there is no request \"opne\": did you mean \"open\"?"
        );
        assert!(error(r#"{"request":"zzz"}"#).ends_with("subscribe, status"));
        let unknown = error(r#"{"request":"open","plugins":"none"}"#);
        assert!(
            unknown.contains("unknown field `plugins`, expected"),
            "{unknown}"
        );
        assert!(error(r#"{"request":"stop"}"#).contains("missing field `stream`"));
        assert!(error(r#"{"request":7}"#).contains("is to be a string"));
        assert!(error(r#"{"request":"status","x":1}"#).contains("unknown field"));
    }

    #[test]
    fn every_name_is_read() {
        for name in NAMES {
            let line = format!(
                r#"{{"request":"{name}","stream":"a","peer":"b","plugin":"c","token":"d"}}"#
            );
            let Numbered {
                name: read,
                request,
                ..
            } = Numbered::parse(&line);
            assert_eq!(read, Some(name));
            // With the fields of another one each of them is refused, or read.
            if let Err(error) = request {
                assert!(error.to_string().contains("unknown field"), "{error}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_does_harm(line in "\\PC*", name in 0..NAMES.len(), value in "\\PC{0,20}") {
            Numbered::parse(&line);
            let name = NAMES[name];
            Numbered::parse(&format!(r#"{{"request":"{name}","stream":"{value}"}}"#));
            Numbered::parse(&format!(r#"{{"request":"{name}",{line}}}"#));
        }
    }
}
