//! What comes in on standard input.
use super::lines::{Line, Lines};
use crate::exit::Failed;
use crate::stdio;
use handclasp::control::{ErrorEvent, Input, Numbered, Reader};
use handclasp::stream::Message;
use handclasp::{SendError, StreamHandle};
use std::io;
use std::sync::Arc;
use std::thread;

/// How far input may be ahead of the event loop, and so of the events that it causes. A datagram causes one at most
/// and counts once, any other message as many times as there may be datagrams for it.
const MAX_AHEAD: u32 = 64;
const MESSAGE: u32 = 8;

/// Carries lines to the stream until `stop` or the end of the input.
pub(super) fn spawn(
    stream: Arc<StreamHandle>,
    components: u16,
    lines: Arc<Lines>,
) -> Result<(), Failed> {
    let driver = Driver {
        stream,
        components,
        lines,
    };
    thread::Builder::new()
        .name("handclasp-stdin".to_owned())
        .spawn(move || driver.run(Reader::new(stdio::input())))
        .map(drop)
        .map_err(|error| Failed::new(format!("standard input has no thread to read it: {error}")))
}

/// Dropping it drops the stream's handle, which stops the stream.
struct Driver {
    stream: Arc<StreamHandle>,
    components: u16,
    lines: Arc<Lines>,
}

impl Driver {
    fn run(&self, mut reader: Reader<impl io::BufRead>) {
        let mut ahead = 0;
        loop {
            if ahead >= MAX_AHEAD {
                self.flush();
                ahead = 0;
            }
            self.lines.wait_for_room();
            match reader.read() {
                Ok(Some(Numbered { number, input })) => match input {
                    Ok(Input::Message(Message::Stop)) => return,
                    Ok(input) => ahead += self.take(number, input),
                    Err(error) => self.complain(number, Some(error.column), &error),
                },
                Ok(None) => return,
                Err(error) => return self.lines.push(Line::Unreadable(error)),
            }
        }
    }

    /// Returns what it counts.
    fn take(&self, line: u64, input: Input) -> u32 {
        match input {
            Input::Message(message) => {
                self.send(line, message);
                MESSAGE
            }
            Input::SendPayload {
                component_id,
                payload,
            } => {
                if (1..=self.components).contains(&component_id) {
                    while self.stream.send_payload(component_id, &payload) == Err(SendError::Full) {
                        self.flush();
                    }
                } else {
                    let n = self.components;
                    let error =
                        format!("there is no component {component_id}: this stream has 1 to {n}");
                    self.complain(line, None, &error);
                }
                1
            }
        }
    }

    /// However long the event loop takes. What it does not hear since it has ended causes nothing.
    fn send(&self, line: u64, message: Message) {
        while self.stream.send_numbered(line, message.clone()) == Err(SendError::Full) {
            self.flush();
        }
    }

    fn flush(&self) {
        // A stream that has ended takes nothing more, and its end is told.
        let _ = self.stream.flush();
    }

    fn complain(&self, line: u64, column: Option<usize>, error: &dyn std::fmt::Display) {
        let error = error.to_string();
        self.lines.push(Line::Error(ErrorEvent {
            line,
            column,
            error,
        }));
    }
}
