//! An echo server: one UDP port for all its streams, and one TCP port at which a peer leaves its description (SDP), and
//! gets that of a stream of its own. Run it with `make build` done, and then the examples `client` or `tokio`:
//!
//!     cargo run --release --example echo target/release/plugins 127.0.0.1:7000
use handclasp::plugin::SearchPath;
use handclasp::stream::{Message, Notification};
use handclasp::{Application, BindOptions, Context, Host, HostOptions, StreamOptions};
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// Answers whom its stream is for, and sends back what it gets.
struct Echo {
    peer: TcpStream,
}

impl Application for Echo {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        match notification {
            Notification::LocalSdp { sdp } => {
                // So few bytes find room; a peer that has gone does not mind.
                let _ = self.peer.write_all(sdp.as_bytes());
                let _ = self.peer.shutdown(std::net::Shutdown::Write);
            }
            Notification::ComponentClosed { .. } | Notification::ComponentStateFailed { .. } => {
                context.stream().stop();
            }
            _ => {}
        }
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        context.reply(component_id, datagram);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plugins, address] = &arguments[..] else {
        return Err("say where plugins are, and the address to listen at".into());
    };
    let host = Host::new(HostOptions::new(SearchPath::from_dirs(vec![
        plugins.into(),
    ])?))?;
    let listener = TcpListener::bind(address)?;
    let local = listener.local_addr()?;
    println!("{local}");
    for peer in listener.incoming() {
        let peer = peer?;
        let mut sdp = String::new();
        (&peer).take(65_536).read_to_string(&mut sdp)?;
        let bind = BindOptions::new().address(local.ip()).single_port(true);
        let options = StreamOptions::new("dtls-srtp").bind(bind);
        let stream = host.open(options, Echo { peer })?.detach();
        stream.send(Message::ParseRemoteSdp { sdp })?;
        stream.send(Message::GenerateLocalSdp)?;
    }
    Ok(())
}
