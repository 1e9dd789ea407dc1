//! What a controller writes to the control socket of `handclasp serve`: lines, and requests in them.
#![no_main]
use handclasp::control::{Addressed, MAX_LINE};
use libfuzzer_sys::fuzz_target;
use lines::{Line, Lines};
use request::{NAMES, Numbered, Request};
use response::Response;
use serde_json::{Value, json};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::io::BufReader;

// They are private to the daemon, and need nothing of it.
#[allow(dead_code)] // what only the daemon reads
#[path = "../../serve/src/control/lines.rs"]
mod lines;
#[allow(dead_code)]
#[path = "../../serve/src/request.rs"]
mod request;
#[allow(dead_code)]
#[path = "../../serve/src/control/response.rs"]
mod response;

/// Bytes of the longest error, far more than it takes to say one.
const LONGEST_ERROR: usize = 2 << 10;

fuzz_target!(|data: &[u8]| {
    let written = written(data);
    // It may arrive in one piece, or in many.
    for at_a_time in [data.len().max(1), data.len() % 61 + 1] {
        assert_eq!(read(data, at_a_time), written);
    }
    for line in written.iter().filter_map(|(_, line)| line.as_ref()) {
        take(line);
    }
});

/// The lines that are in it by the document: their numbers and their text, if it is UTF-8 and not too long.
fn written(data: &[u8]) -> Vec<(u64, Option<String>)> {
    let mut lines: Vec<_> = data.split(|byte| *byte == b'\n').collect();
    lines.pop(); // has no end
    let text = |line: &[u8]| {
        let text = std::str::from_utf8(line).ok().map(str::to_owned);
        text.filter(|_| line.len() <= MAX_LINE)
    };
    (1..)
        .zip(lines)
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(number, line)| (number, text(line)))
        .collect()
}

/// The lines that the daemon reads.
fn read(data: &[u8], at_a_time: usize) -> Vec<(u64, Option<String>)> {
    let mut lines = Lines::new(BufReader::with_capacity(at_a_time, data));
    let mut all = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let text = match pin!(lines.next()).poll(&mut context) {
            Poll::Ready(Ok(Some(Line::Text(text)))) => Some(text.to_owned()),
            Poll::Ready(Ok(Some(Line::NotUtf8 | Line::TooLong))) => None,
            Poll::Ready(Ok(None)) => return all,
            Poll::Ready(Err(error)) => panic!("memory can be read: {error}"),
            Poll::Pending => panic!("memory lets nobody wait"),
        };
        all.push((lines.number(), text));
    }
}

/// A line is obeyed as far as that goes without a daemon.
fn take(line: &str) {
    match Addressed::parse(line) {
        Ok(Addressed::Request) => {}
        Ok(Addressed::Stream(_, Ok(_))) => return,
        Ok(Addressed::Stream(_, Err(error))) | Err(error) => {
            assert!(error.column >= 1);
            let _ = error.to_string();
            // The token's reader looks into such a line as well.
            Numbered::parse(line);
            return;
        }
    }
    let Numbered { id, name, request } = Numbered::parse(line);
    assert!(name.is_none_or(|name| NAMES.contains(&name)));
    answer(name.unwrap_or("error"), id.as_ref());
    match request {
        Ok(Request::Open(open)) => {
            assert_eq!(name, Some("open"));
            for value in open.options.values() {
                let _ = value.texts();
            }
        }
        Ok(_) => assert!(name.is_some(), "a request has a name"),
        Err(error) => assert!(error.to_string().len() <= LONGEST_ERROR),
    }
}

/// Whoever has asked finds its `id` in the response, which is one line.
fn answer(name: &'static str, id: Option<&Value>) {
    let response = serde_json::to_string(&Response::new(name, id, &json!({})));
    let response = response.expect("it is a tree of JSON");
    assert!(!response.contains('\n'));
    let told: Value = serde_json::from_str(&response).expect("it is JSON");
    assert_eq!(told.get("id"), id);
}
