//! Two peers in one process: a plugin shakes hands, and each sends the other a datagram.
//!
//! Between machines, each message of `for_peer` goes over whatever the two peers share. Run it with `make build` done:
//!
//!     cargo run --release --example two_peers target/release/plugins
use handclasp::plugin::{Role, SearchPath};
use handclasp::stream::{Message, Notification};
use handclasp::{Application, BindOptions, Host, HostOptions, Replies, StreamOptions};
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::mpsc::{Sender, channel};

/// The handshake's roles; the first peer is ICE's controlling one as well.
const ROLES: [Role; 2] = [Role::Initiator, Role::Responder];

/// What a stream reports to, on its event loop's thread: nothing here takes long.
struct Peer {
    index: usize,
    events: Sender<(usize, Event)>,
}

enum Event {
    Notification(Notification),
    Datagram(String),
}

impl Application for Peer {
    fn notify(&mut self, notification: Notification) {
        // Once the program ends nobody takes it.
        let _ = self
            .events
            .send((self.index, Event::Notification(notification)));
    }

    fn receive(&mut self, _component_id: u16, datagram: &[u8], _replies: &mut Replies<'_>) {
        let text = String::from_utf8_lossy(datagram).into_owned();
        let _ = self.events.send((self.index, Event::Datagram(text)));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let directories = std::env::args_os().skip(1).map(Into::into).collect();
    let host = Host::new(HostOptions::new(SearchPath::from_dirs(directories)?))?;
    let (sender, events) = channel();
    let open = |index| {
        let options = StreamOptions::new("dtls-srtp")
            .controlling(ROLES[index] == Role::Initiator)
            .bind(BindOptions::new().address(Ipv4Addr::LOCALHOST));
        let events = sender.clone();
        host.open(options, Box::new(Peer { index, events }))
    };
    let streams = [open(0)?, open(1)?];
    let (mut ready, mut received, mut stopped) = (0, 0, 0);
    while stopped < 2 {
        let (index, event) = events.recv()?;
        match event {
            Event::Datagram(text) => {
                println!("peer {index} received {text:?}");
                received += 1;
                if received == 2 {
                    streams.iter().try_for_each(|one| one.send(Message::Stop))?;
                }
            }
            Event::Notification(notification) => {
                let other = 1 - index;
                if let Some(message) = notification.for_peer(ROLES[other]) {
                    streams[other].send(message)?;
                }
                match notification {
                    Notification::ComponentStateReady { component_id, data } => {
                        println!("peer {index} is ready: {} bytes of keys", data.len());
                        ready += 1;
                        if ready == 2 {
                            for (index, stream) in streams.iter().enumerate() {
                                let text = format!("hello from peer {index}");
                                stream.outbox().send(component_id, text.as_bytes());
                            }
                        }
                    }
                    Notification::ComponentStateFailed { reason, .. } => return Err(reason.into()),
                    Notification::Stopped => stopped += 1,
                    _ => {}
                }
            }
        }
    }
    Ok(())
}
