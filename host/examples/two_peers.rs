//! Two peers in one process: a plugin shakes hands, and each sends the other a datagram. Between machines, each message of
//! `for_peer` goes over whatever the two share. Run it with `make build` done:
//!
//!     cargo run --release --example two_peers target/release/plugins
use handclasp::plugin::{Role, SearchPath};
use handclasp::stream::Notification;
use handclasp::{BindOptions, Event, Host, HostOptions, StreamOptions, channel};
use std::error::Error;
use std::net::Ipv4Addr;

/// The handshake's roles; the first peer is ICE's controlling one as well.
const ROLES: [Role; 2] = [Role::Initiator, Role::Responder];

fn main() -> Result<(), Box<dyn Error>> {
    let plugins = std::env::args_os().skip(1).map(Into::into).collect();
    let host = Host::new(HostOptions::new(SearchPath::from_dirs(plugins)?))?;
    let (application, events) = channel(); // what both streams are told
    let open = |role| {
        let bind = BindOptions::new().address(Ipv4Addr::LOCALHOST);
        let options = StreamOptions::new("dtls-srtp").bind(bind);
        let options = options.controlling(role == Role::Initiator);
        host.open(options, application.clone())
    };
    let peers = [open(ROLES[0])?, open(ROLES[1])?];
    drop(application); // events end with the streams
    let (mut ready, mut received) = (0, 0);
    for (stream, event) in events {
        let index = usize::from(stream.id() == peers[1].id());
        match event {
            Event::Notification(notification) => {
                let other = 1 - index;
                if let Some(message) = notification.for_peer(ROLES[other]) {
                    peers[other].send(message)?;
                }
                match notification {
                    Notification::ComponentStateReady { component_id, data } => {
                        println!("peer {index} is ready: {} bytes of keys", data.len());
                        ready += 1;
                        for (index, peer) in peers.iter().enumerate().filter(|_| ready == 2) {
                            let text = format!("hello from peer {index}");
                            peer.send_payload(component_id, text.as_bytes())?;
                        }
                    }
                    Notification::ComponentStateFailed { reason, .. } => {
                        return Err(reason.to_string().into());
                    }
                    _ => {}
                }
            }
            Event::Payload { payload, .. } => {
                let text = String::from_utf8_lossy(&payload);
                println!("peer {index} received {text:?}");
                received += 1;
                peers
                    .iter()
                    .filter(|_| received == 2)
                    .for_each(|it| it.stop());
            }
            _ => {}
        }
    }
    Ok(())
}
