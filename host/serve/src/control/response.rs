//! What the daemon answers.
use serde::Serialize;
use serde_json::Value;
use std::fmt::Display;

/// The answer to a request: its name, what its sender calls it, and more.
#[derive(Debug, Serialize)]
pub(super) struct Response<'a, B> {
    response: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    #[serde(flatten)]
    body: &'a B,
}

impl<'a, B: Serialize> Response<'a, B> {
    pub(super) fn new(response: &'static str, id: Option<&'a Value>, body: &'a B) -> Self {
        Self { response, id, body }
    }
}

/// News, with a sign that no event of a stream's has.
#[derive(Debug, Serialize)]
pub(super) struct Told<'a, N> {
    #[serde(flatten)]
    what: &'a N,
    news: bool,
}

impl<'a, N: Serialize> Told<'a, N> {
    pub(super) fn new(what: &'a N) -> Self {
        Self { what, news: true }
    }
}

/// What a request fails with.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    /// One sentence.
    pub(super) error: String,
    /// For programs.
    pub(super) kind: &'static str,
    /// Seconds after which it may be worth asking again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<f64>,
}

impl Failure {
    pub(super) fn new(kind: &'static str, error: impl Display) -> Self {
        Self {
            error: error.to_string(),
            kind,
            retry_after: None,
        }
    }
}

/// A line that was not obeyed.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "error")]
pub(super) struct Complaint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<&'a str>,
    /// Counted from 1 on each connection.
    pub(super) line: u64,
    /// In bytes, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<usize>,
    /// One sentence.
    pub(super) error: String,
}

impl Complaint<'_> {
    pub(super) fn of_line(line: u64, error: impl Display) -> Self {
        Self {
            stream: None,
            line,
            column: None,
            error: error.to_string(),
        }
    }
}
