use super::queue::micros;
use super::{Recorder, What};
use crate::plugin::{CallName, Completion, Outcome};
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

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct CallNote<'a> {
    recorder: &'a CallRecorder,
    call: CallName,
    started: Instant,
}

impl CallRecorder {
    /// A call begins.
    pub(crate) fn begin(&self, call: CallName) -> CallNote<'_> {
        CallNote {
            recorder: self,
            call,
            started: Instant::now(),
        }
    }
}

impl CallNote<'_> {
    /// The call is over.
    pub(crate) fn end(self, completion: &Completion) {
        let Some(status) = status(&completion.outcome) else {
            return;
        };
        let call = CallRecord {
            component_id: self.recorder.component_id,
            call: self.call.as_str().to_owned(),
            status,
            packets: completion.effects.packets().count() as u64,
            took_us: micros(self.started.elapsed()),
            sentence: sentence(completion),
        };
        let recorder = &self.recorder.recorder;
        recorder.record(self.started, What::Call(call));
    }
}

/// `None` if the call was not made.
fn status(outcome: &Outcome) -> Option<Status> {
    Some(match outcome {
        Outcome::Pending | Outcome::Gone | Outcome::Exported(_) | Outcome::NotExported(_) => {
            Status::Pending
        }
        Outcome::Finished(_) => Status::Finished,
        Outcome::Failed(_) => Status::Failed,
        Outcome::Closed => Status::Closed,
        Outcome::NotHandshake(_) => return None,
    })
}

fn sentence(completion: &Completion) -> Option<String> {
    match &completion.outcome {
        Outcome::Failed(failure) => Some(failure.to_string()),
        Outcome::NotExported(reason) => Some(reason.clone()),
        _ => completion.effects.sentence.clone(),
    }
}
