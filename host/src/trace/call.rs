use super::queue::micros;
use super::{Recorder, What};
use crate::plugin::{Completion, Outcome, Request};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// A call into the plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The component whose instance was called.
    pub component_id: u16,
    /// As the contract spells it: `recv_from_peer`.
    pub call: String,
    /// What came of it.
    pub status: Status,
    /// How many datagrams the plugin wants sent.
    pub packets: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// A failure's sentence, or the plugin's warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All is well, and the call finished nothing.
    Pending,
    /// The handshake finished in this call.
    Finished,
    /// The instance said its last words.
    Closed,
    /// The instance is gone.
    Failed,
}

/// Notes the calls of one component's instance, on whatever thread they are made.
#[derive(Debug)]
pub(crate) struct CallRecorder {
    pub(crate) recorder: Recorder,
    pub(crate) component_id: u16,
}

impl CallRecorder {
    /// Makes a call, and notes it if somebody asked for that.
    pub(crate) fn run(this: Option<&Self>, request: Request, now_ns: u64) -> Completion {
        let Some(this) = this else {
            return request.run(now_ns);
        };
        let (call, started) = (request.call().name(), Instant::now());
        let completion = request.run(now_ns);
        let call = CallRecord {
            component_id: this.component_id,
            call: call.as_str().to_owned(),
            status: status(&completion.outcome),
            packets: completion.emitted.packets().count() as u64,
            took_us: micros(started.elapsed()),
            sentence: sentence(&completion),
        };
        this.recorder.record(started, What::Call(call));
        completion
    }
}

fn status(outcome: &Outcome) -> Status {
    match outcome {
        Outcome::Live(_) => Status::Pending,
        Outcome::Finished(..) => Status::Finished,
        Outcome::Failed(_) => Status::Failed,
        Outcome::Closed => Status::Closed,
    }
}

fn sentence(completion: &Completion) -> Option<String> {
    match &completion.outcome {
        Outcome::Failed(failure) => Some(failure.to_string()),
        _ => completion.emitted.sentence.clone(),
    }
}
