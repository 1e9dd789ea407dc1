//! How an instance ends.
use super::{Driver, ENDED, Output, Phase, State};
use crate::component::drops::Cause;
use crate::component::waiting::Queue;
use crate::plugin::{Call, Failure, FailureKind};

impl Driver {
    /// Says the last words and ends. [`Output::Closed`] follows unless it has ended already. While `init` is under way
    /// nobody waits for it: what comes of it is destroyed.
    pub(in crate::component) fn close(&mut self) {
        if self.phase == Phase::Starting {
            self.end_closed();
        } else if self.phase != Phase::Ended {
            self.closing = true;
            self.advance();
        }
    }

    /// Ends without a word: ICE has failed, or time is up.
    pub(in crate::component) fn abandon(&mut self) {
        self.end();
    }

    /// Ends without a last word, as if it had been said.
    pub(in crate::component) fn cut_short(&mut self) {
        self.end_closed();
    }

    /// What a failed call is to the component.
    pub(super) fn end_of(&mut self, failure: Failure) -> Output {
        let is_farewell = failure.kind == FailureKind::ClosedByPeer;
        if self.said_goodbye {
            self.outputs.push_back(Output::Warning(failure.to_string()));
            Output::Closed { by_peer: false }
        } else if is_farewell && self.phase == Phase::Finished {
            Output::Closed { by_peer: true }
        } else {
            Output::Failed(failure)
        }
    }

    /// Ends by what came of a call, which may have left an instance.
    pub(super) fn end_with(&mut self, output: Output, has_instance: bool) {
        self.state = State::Gone;
        self.end();
        self.destroy(has_instance);
        self.outputs.push_back(output);
    }

    pub(super) fn end_closed(&mut self) {
        self.end();
        self.outputs.push_back(Output::Closed { by_peer: false });
    }

    /// Nothing is called any more but `destroy`: now, or once the call that is under way has come back.
    fn end(&mut self) {
        self.phase = Phase::Ended;
        let has_instance = !matches!(self.state, State::Unmade | State::Gone);
        let is_destroyed = self.state == State::Gone;
        self.state = State::Gone;
        if self.request.take_if(|_| !is_destroyed).is_some() {
            self.away = None; // nobody has begun that call
        }
        if self.away.is_none() {
            self.destroy(has_instance);
        }
        for label in self.drop_exports() {
            let reason = ENDED.to_owned();
            self.outputs.push_back(Output::NotExported(label, reason));
        }
        while self.drop_oldest(Cause::Ended) {}
        self.waiting = Queue::default();
        self.deadline = None;
    }

    /// The end of the instance, if there is one.
    pub(super) fn destroy(&mut self, has_instance: bool) {
        self.state = State::Gone;
        if has_instance {
            self.ask(Call::Destroy);
        }
    }
}
