//! A client of the example `echo` as a task of tokio's:
//!
//!     cargo run --release --features tokio --example tokio target/release/plugins 127.0.0.1:7000
use handclasp::plugin::SearchPath;
use handclasp::stream::{Message, Notification};
use handclasp::{BindOptions, Event, Host, HostOptions, StreamOptions, async_channel};
use std::error::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plugins, server] = &arguments[..] else {
        return Err("say where plugins are, and the server's address".into());
    };
    let mut server = TcpStream::connect(server).await?;
    let host = Host::new(HostOptions::new(SearchPath::from_dirs(vec![
        plugins.into(),
    ])?))?;
    let (application, mut events) = async_channel();
    let bind = BindOptions::new().address(server.local_addr()?.ip());
    let options = StreamOptions::new("dtls-srtp").controlling(true).bind(bind);
    // Until the plugin is loaded this waits; later on it does not.
    let opening = host.clone();
    let opened = tokio::task::spawn_blocking(move || opening.open(options, application));
    let _stream = opened.await??; // stops when it is dropped
    while let Some((stream, event)) = events.recv().await {
        match event {
            Event::Notification(Notification::CandidateGatheringDone) => {
                stream.send(Message::GenerateLocalSdp)?;
            }
            Event::Notification(Notification::LocalSdp { sdp }) => {
                server.write_all(sdp.as_bytes()).await?;
                server.shutdown().await?;
                let mut sdp = String::new();
                server.read_to_string(&mut sdp).await?;
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
