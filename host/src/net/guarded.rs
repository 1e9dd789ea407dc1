//! An application whose panics end its own stream and nothing else.
use super::application::{Application, Context, ReplyQueue};
use super::stream_ref::StreamRef;
use crate::stream::{Notification, Refused};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An application and its stream.
pub(crate) struct Guarded {
    /// There until it is dropped.
    application: Option<Box<dyn Application>>,
    stream: StreamRef,
    /// What it said when it panicked first, until somebody asks.
    panic: Option<String>,
    has_panicked: bool,
}

impl Guarded {
    pub(crate) fn new(application: Box<dyn Application>, stream: StreamRef) -> Self {
        Self {
            application: Some(application),
            stream,
            panic: None,
            has_panicked: false,
        }
    }

    pub(super) fn stream(&self) -> &StreamRef {
        &self.stream
    }

    pub(super) fn notify(&mut self, replies: &mut ReplyQueue, notification: Notification) {
        self.call("notify", replies, |application, context| {
            application.notify(context, notification);
        });
    }

    /// Once it has panicked no datagram reaches it.
    pub(super) fn receive(&mut self, replies: &mut ReplyQueue, component_id: u16, datagram: &[u8]) {
        if !self.has_panicked {
            self.call("receive", replies, |application, context| {
                application.receive(context, component_id, datagram);
            });
        }
    }

    pub(super) fn answer(
        &mut self,
        replies: &mut ReplyQueue,
        number: Option<u64>,
        answer: Result<(), Refused>,
    ) {
        self.call("answer", replies, |application, context| {
            application.answer(context, number, answer);
        });
    }

    /// Whether its stream has to fail.
    pub(super) fn is_to_fail(&self) -> bool {
        self.panic.is_some()
    }

    /// What it said when it panicked first: its stream fails of that, once.
    pub(super) fn take_panic(&mut self) -> Option<String> {
        self.panic.take()
    }

    fn call(
        &mut self,
        method: &str,
        replies: &mut ReplyQueue,
        call: impl FnOnce(&mut dyn Application, &mut Context<'_>),
    ) {
        let Some(application) = &mut self.application else {
            return;
        };
        let stream = &self.stream;
        let mut context = Context { stream, replies };
        // What it leaves behind in a bad state is its own, and what the host keeps is not touched by it.
        let called = catch_unwind(AssertUnwindSafe(|| call(&mut **application, &mut context)));
        if let Err(panic) = called {
            let message = self.note(method, panic);
            if !std::mem::replace(&mut self.has_panicked, true) {
                self.panic = Some(message);
            }
        }
    }

    fn note(&self, method: &str, panic: Box<dyn Any + Send>) -> String {
        let message = message_of(&*panic);
        std::mem::forget(panic); // its drop may panic again
        let stream = self.stream.id();
        tracing::error!("stream {stream}: its application panicked in {method}: {message}");
        message
    }
}

impl Drop for Guarded {
    /// Whoever sends something learns that nobody takes it, also where a loop has panicked.
    fn drop(&mut self) {
        self.stream.inbox().close();
        let application = self.application.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(application))) {
            self.note("drop", panic);
        }
    }
}

/// What a panic says.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it said nothing").to_owned()
}
