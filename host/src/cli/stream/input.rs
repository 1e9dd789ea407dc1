//! What comes in on standard input.
use super::reporter::Line;
use crate::cli::exit::Failed;
use handclasp::StreamHandle;
use handclasp::control::{ErrorEvent, Input, Numbered, Reader};
use handclasp::stream::Message;
use std::io;
use std::sync::mpsc::Sender;
use std::thread;

/// Carries lines to the stream until `stop` or the end of the input.
pub(super) fn spawn(
    stream: StreamHandle,
    components: u16,
    complaints: Sender<Line>,
) -> Result<(), Failed> {
    let driver = Driver {
        stream,
        components,
        complaints,
    };
    thread::Builder::new()
        .name("handclasp-stdin".to_owned())
        .spawn(move || driver.run(Reader::new(io::stdin().lock())))
        .map(drop)
        .map_err(|error| Failed::new(format!("standard input has no thread to read it: {error}")))
}

/// Dropping it drops the stream's handle, which stops the stream.
struct Driver {
    stream: StreamHandle,
    components: u16,
    complaints: Sender<Line>,
}

impl Driver {
    fn run(&self, mut reader: Reader<impl io::BufRead>) {
        loop {
            match reader.read() {
                Ok(Some(Numbered { number, input })) => match input {
                    Ok(Input::Message(Message::Stop)) => return,
                    Ok(input) => self.take(number, input),
                    Err(error) => self.complain(number, Some(error.column), &error),
                },
                Ok(None) => return,
                Err(error) => return tracing::error!("standard input cannot be read: {error}"),
            }
        }
    }

    fn take(&self, line: u64, input: Input) {
        match input {
            Input::Message(message) => self.stream.send_numbered(line, message),
            Input::SendPayload {
                component_id,
                payload,
            } => {
                if (1..=self.components).contains(&component_id) {
                    self.stream.outbox().send(component_id, &payload);
                } else {
                    let n = self.components;
                    let error =
                        format!("there is no component {component_id}: this stream has 1 to {n}");
                    self.complain(line, None, &error);
                }
            }
        }
    }

    fn complain(&self, line: u64, column: Option<usize>, error: &dyn std::fmt::Display) {
        let error = error.to_string();
        // Nobody reads it any more once the stream has ended.
        let _ = self.complaints.send(Line::Error(ErrorEvent {
            line,
            column,
            error,
        }));
    }
}
