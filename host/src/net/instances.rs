//! Where each handshake instance lives, for plugins that ask to be woken from threads of their own.
use super::keys::StreamKey;
use super::mailbox::{Command, Mailbox};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The loop and the stream of every instance of a host's.
#[derive(Debug, Default)]
pub(crate) struct Instances(Mutex<HashMap<u64, InstanceOwner>>);

#[derive(Debug)]
struct InstanceOwner {
    mailbox: Arc<Mailbox>,
    stream: StreamKey,
    /// Whether a wake waits in the mailbox: the next one is the same.
    woken: bool,
}

impl Instances {
    pub(super) fn insert(&self, instance_id: u64, mailbox: &Arc<Mailbox>, stream: StreamKey) {
        let mailbox = Arc::clone(mailbox);
        let owner = InstanceOwner {
            mailbox,
            stream,
            woken: false,
        };
        self.lock().insert(instance_id, owner);
    }

    /// The instance's stream has moved to another loop.
    pub(super) fn move_to(&self, instance_id: u64, mailbox: &Arc<Mailbox>) {
        if let Some(owner) = self.lock().get_mut(&instance_id) {
            owner.mailbox = Arc::clone(mailbox);
        }
    }

    pub(super) fn remove(&self, instance_id: u64) {
        self.lock().remove(&instance_id);
    }

    /// Asks for `on_wake` of an instance; nothing for unknown ids. From any thread, as often as one likes: one wake
    /// of each instance waits.
    pub(crate) fn wake(&self, instance_id: u64) {
        if let Some(owner) = self.lock().get_mut(&instance_id)
            && !std::mem::replace(&mut owner.woken, true)
        {
            owner.mailbox.post(Command::Wake(owner.stream, instance_id));
        }
    }

    /// A wake has been taken from the mailbox: the next one is another.
    pub(super) fn taken(&self, instance_id: u64) {
        if let Some(owner) = self.lock().get_mut(&instance_id) {
            owner.woken = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, InstanceOwner>> {
        // No code that could panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Poll, Token, Waker};

    fn mailbox() -> Arc<Mailbox> {
        let poll = Poll::new().expect("the system can wait");
        let waker = Waker::new(poll.registry(), Token(0)).expect("and be woken");
        Arc::new(Mailbox::new(waker))
    }

    #[test]
    fn a_wake_goes_to_the_one_loop_and_stream_of_the_instance() {
        let (instances, loops) = (Instances::default(), [mailbox(), mailbox()]);
        instances.insert(10, &loops[0], 1);
        instances.insert(11, &loops[1], 2);
        instances.insert(12, &loops[1], 3);
        instances.remove(12);
        for id in [11, 12, 13] {
            instances.wake(id);
        }
        let [first, second] = loops.map(|mailbox| {
            let mut commands = Vec::new();
            mailbox.take(&mut commands);
            commands
        });
        assert!(first.is_empty(), "{first:?}");
        assert!(matches!(second[..], [Command::Wake(2, 11)]), "{second:?}");
    }

    #[test]
    fn one_wake_of_each_instance_waits_however_often_it_is_asked_for() {
        let (instances, mailbox) = (Instances::default(), mailbox());
        instances.insert(10, &mailbox, 1);
        instances.insert(11, &mailbox, 1);
        for _ in 0..2 {
            for _ in 0..1000 {
                instances.wake(10);
                instances.wake(11);
            }
            let mut commands = Vec::new();
            mailbox.take(&mut commands);
            let [Command::Wake(1, 10), Command::Wake(1, 11)] = commands[..] else {
                panic!("{} commands", commands.len());
            };
            instances.taken(10);
            instances.taken(11);
        }
    }
}
