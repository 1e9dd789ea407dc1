//! The members of one JSON object, each with its place in the line.
use super::error::{ParseError, Reason, quoted};
use crate::plugin::Role;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The fields of a line.
pub(super) struct Fields<'a> {
    line: &'a str,
    fields: Vec<Field<'a>>,
}

/// One of them.
pub(super) struct Field<'a> {
    /// In bytes, counted from 1.
    pub(super) column: usize,
    pub(super) name: String,
    value: &'a RawValue,
}

/// The members in their order, their names as they are written.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Self)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            if members.len() == MAX_FIELDS {
                return Err(A::Error::custom("no message has so many fields"));
            }
            members.push(member);
        }
        Ok(members)
    }
}

/// More than any message has.
const MAX_FIELDS: usize = 16;

impl<'a> Fields<'a> {
    pub(super) fn parse(line: &'a str) -> Result<Self, ParseError> {
        let Members(members) = serde_json::from_str(line).map_err(|error| ParseError {
            column: error.column().max(1),
            reason: Reason::Syntax(cause(&error)),
        })?;
        let mut fields: Vec<Field<'_>> = Vec::with_capacity(members.len());
        for (name, value) in members {
            let field = Field {
                column: column(line, name),
                // Lone surrogates are JSON, but no string.
                name: string(name).unwrap_or_else(|| name.get().to_owned()),
                value,
            };
            if fields.iter().any(|earlier| earlier.name == field.name) {
                return Err(field.wrong(Reason::Repeated(quoted(&field.name))));
            }
            fields.push(field);
        }
        Ok(Self { line, fields })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Takes out a field that is a string.
    pub(super) fn take_text(&mut self, name: &'static str) -> Result<Option<String>, ParseError> {
        let Some(index) = self.fields.iter().position(|field| field.name == name) else {
            return Ok(None);
        };
        let text = self.text(name)?;
        self.fields.remove(index);
        Ok(Some(text))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter()
    }

    pub(super) fn text(&self, name: &'static str) -> Result<String, ParseError> {
        self.value(name, "a string", string)
    }

    pub(super) fn component_id(&self) -> Result<u16, ParseError> {
        self.value("component_id", "a number from 1 to 256", |value| {
            serde_json::from_str(value.get()).ok()
        })
    }

    /// A number that may be left out.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<u64>, ParseError> {
        if self.get(name).is_none() {
            return Ok(None);
        }
        let number = self.value(name, "the peer's number", |value| {
            serde_json::from_str(value.get()).ok()
        });
        number.map(Some)
    }

    pub(super) fn role(&self) -> Result<Role, ParseError> {
        self.value(
            "role",
            "\"initiator\" or \"responder\"",
            |value| match string(value)?.as_str() {
                "initiator" => Some(Role::Initiator),
                "responder" => Some(Role::Responder),
                _ => None,
            },
        )
    }

    /// A number of bytes.
    pub(super) fn length(&self) -> Result<usize, ParseError> {
        self.value("length", "a number of bytes", |value| {
            serde_json::from_str(value.get()).ok()
        })
    }

    /// How the peer's payloads travel: there is one way yet.
    pub(super) fn payload_protection(&self) -> Result<(), ParseError> {
        let name = "payload_protection";
        if self.get(name).is_none() {
            return Ok(());
        }
        self.value(name, "\"none\", as this host's payloads travel", |value| {
            (string(value)? == "none").then_some(())
        })
    }

    pub(super) fn bytes(&self, name: &'static str) -> Result<Vec<u8>, ParseError> {
        self.value(name, "base64 (RFC 4648, section 4)", |value| {
            BASE64_STANDARD.decode(string(value)?).ok()
        })
    }

    /// Where the value of a field begins.
    pub(super) fn column_of(&self, name: &str) -> usize {
        self.get(name)
            .map_or(1, |field| column(self.line, field.value))
    }

    fn value<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&RawValue) -> Option<T>,
    ) -> Result<T, ParseError> {
        let value = self.get(name).and_then(|field| read(field.value));
        value.ok_or_else(|| ParseError {
            column: self.column_of(name),
            reason: Reason::Value {
                field: name,
                expected,
            },
        })
    }
}

impl Field<'_> {
    pub(super) fn wrong(&self, reason: Reason) -> ParseError {
        ParseError {
            column: self.column,
            reason,
        }
    }
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Where a raw value stands in the line it was read from.
fn column(line: &str, part: &RawValue) -> usize {
    part.get().as_ptr().addr() - line.as_ptr().addr() + 1
}

/// What is wrong, in words; line and column are told apart from it.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let cause = text.rsplit_once(" at line ").map_or(&*text, |(it, _)| it);
    match cause {
        "EOF while parsing an object" => "the object is not closed",
        "EOF while parsing a list" => "a list is not closed",
        "EOF while parsing a string" => "a string is not closed",
        "EOF while parsing a value" => "a value is missing at the end",
        other => other,
    }
    .to_owned()
}
