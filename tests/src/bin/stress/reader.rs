//! Channels: one that is read, one that nobody reads, one whose reader has gone.
use super::world::World;
use handclasp::stream::Notification;
use handclasp::{Event, Events, channel};
use std::collections::HashSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(super) struct Readers {
    reader: JoinHandle<()>,
    unread: Events,
}

impl Readers {
    pub(super) fn start(world: &Arc<World>) -> Self {
        let [read, unread, gone] = [(); 3].map(|()| channel());
        world.put_channel(read.0);
        world.put_channel(unread.0);
        world.put_channel(gone.0);
        drop(gone.1);
        let thread = thread::Builder::new().name("reader".to_owned());
        let totals = Arc::clone(&world.totals);
        let watched = move || {
            if let Err(fault) = read_all(read.1) {
                totals.fault(&fault);
            }
        };
        Self {
            reader: thread.spawn(watched).expect("there is a thread"),
            unread: unread.1,
        }
    }

    /// Once no stream is left.
    pub(super) fn end(self) {
        drop(self.unread);
        self.reader.join().expect("it does not panic");
    }
}

/// Nothing of a stream comes behind its end.
fn read_all(events: Events) -> Result<(), String> {
    let mut ended = HashSet::new();
    for (count, (stream, event)) in events.enumerate() {
        if ended.contains(&stream.id()) {
            return Err(format!(
                "a channel has told the end of {stream:?}, and then {event:?}"
            ));
        }
        if event == Event::Notification(Notification::Stopped) {
            ended.insert(stream.id());
        }
        if count % 1000 == 0 {
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}
