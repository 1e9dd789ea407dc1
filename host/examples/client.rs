//! A client of the example `echo`, whose events come over a channel:
//!
//!     cargo run --release --example client target/release/plugins 127.0.0.1:7000
use handclasp::plugin::SearchPath;
use handclasp::stream::{Message, Notification};
use handclasp::{BindOptions, Event, Host, HostOptions, StreamOptions, channel};
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plugins, server] = &arguments[..] else {
        return Err("say where plugins are, and the server's address".into());
    };
    let mut server = TcpStream::connect(server)?;
    let host = Host::new(HostOptions::new(SearchPath::from_dirs(vec![
        plugins.into(),
    ])?))?;
    let (application, events) = channel();
    let bind = BindOptions::new().address(server.local_addr()?.ip());
    let options = StreamOptions::new("dtls-srtp").controlling(true).bind(bind);
    let _stream = host.open(options, application)?; // stops when it is dropped
    for (stream, event) in events {
        match event {
            Event::Notification(Notification::CandidateGatheringDone) => {
                stream.send(Message::GenerateLocalSdp)?;
            }
            Event::Notification(Notification::LocalSdp { sdp }) => {
                server.write_all(sdp.as_bytes())?;
                server.shutdown(Shutdown::Write)?;
                let mut sdp = String::new();
                server.read_to_string(&mut sdp)?;
                stream.send(Message::ParseRemoteSdp { sdp })?;
            }
            Event::Notification(Notification::ComponentStateReady { component_id, data }) => {
                println!("ready: {} bytes of keys", data.len());
                stream.send_payload(component_id, b"hello")?;
            }
            Event::Notification(Notification::ComponentStateFailed { reason, .. }) => {
                return Err(reason.to_string().into());
            }
            Event::Payload { payload, .. } => {
                println!("echoed: {}", String::from_utf8_lossy(&payload));
                stream.stop(); // its last event ends the loop
            }
            _ => {}
        }
    }
    Ok(())
}
