//! FFmpeg's WHIP output (RFC 9725) against `dtls-srtp`. It answers checks without XOR-MAPPED-ADDRESS, has no
//! candidates of its own to tell, and takes the first of ours. From its handshake on it answers none, so that a full
//! side's consent ends 30 s later (RFC 7675); it checks every 5 s, which is enough for a lite side.
use crate::venv;
use handclasp_tests::processes::{Heard, LineProcess, bytes, handclasp_stream};
use handclasp_tests::{Lacking, built, skip};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long each step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long media must flow to a full side, and to a lite one: longer than a consent lasts.
const STAYS: Duration = Duration::from_secs(2);
const STAYS_WITH_LITE: Duration = Duration::from_secs(35);

#[test]
fn ffmpeg_connects_to_a_full_side() {
    publish("FFmpeg and a full side", &[], STAYS);
}

#[test]
fn ffmpeg_connects_to_a_lite_side() {
    publish("FFmpeg and a lite side", &["--ice-lite"], STAYS_WITH_LITE);
}

fn publish(test: &str, arguments: &[&str], stays: Duration) {
    if let Err(lacking) = publish_to(arguments, stays) {
        skip(test, &lacking);
    }
}

fn publish_to(arguments: &[&str], stays: Duration) -> Result<(), Lacking> {
    built("dtls-srtp")?;
    let program = venv::ffmpeg()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let _ffmpeg = Publisher::start(&program, port);
    let (mut request, offer) = take_offer(&listener);
    let mut stream = Stream::start(arguments);
    stream.say(&json!({"message": "parse_remote_sdp", "sdp": offer}));
    stream.expect("candidate_gathering_done");
    stream.say(&json!({"message": "generate_local_sdp"}));
    let answer = stream.expect("local_sdp");
    let answer = answer["sdp"].as_str().expect("a description is a string");
    give_answer(&mut request, answer);
    stream.expect("component_state_ready");
    let connected = Instant::now();
    let mut media = 0;
    while connected.elapsed() < stays || media < 10 {
        let payload = bytes(&stream.expect("ice_payload"), "payload");
        assert!((128..192).contains(&payload[0]), "RTP or RTCP (RFC 7983)");
        media += 1;
    }
    Ok(())
}

/// FFmpeg, which sends a test picture. Killed when dropped.
struct Publisher(Child);

impl Publisher {
    fn start(program: &str, port: u16) -> Self {
        let url = format!("http://127.0.0.1:{port}/whip");
        let child = Command::new(program)
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-re"])
            .args(["-f", "lavfi", "-i", "testsrc=size=320x240:rate=15"])
            .args([
                "-pix_fmt",
                "yuv420p",
                "-c:v",
                "libx264",
                "-profile:v",
                "baseline",
            ])
            .args(["-bf", "0", "-g", "15", "-an", "-f", "whip"])
            .args(["-handshake_timeout", "20000", &url])
            .stdin(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{program}: {error}")))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The request that makes a session (RFC 9725, section 4.2), and the offer in it.
fn take_offer(listener: &TcpListener) -> (TcpStream, String) {
    let connection = accept(listener);
    let patience = Some(PATIENCE);
    connection
        .set_read_timeout(patience)
        .expect("it is not zero");
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        match line.trim().to_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().expect("a number"),
            Some(_) => {}
            None if line.trim().is_empty() => break,
            None => assert!(line.starts_with("POST "), "{line}"),
        }
    }
    let mut offer = vec![0; length];
    reader.read_exact(&mut offer).expect("an offer");
    let offer = String::from_utf8(offer).expect("SDP is UTF-8");
    (reader.into_inner(), offer)
}

/// # Panics
/// FFmpeg does not come.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("it is ours");
    let begun = Instant::now();
    let connection = loop {
        match listener.accept() {
            Ok((connection, _)) => break connection,
            Err(error) if error.kind() == ErrorKind::WouldBlock && begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => panic!("FFmpeg does not come: {error}"),
        }
    };
    connection.set_nonblocking(false).expect("it is ours");
    connection
}

fn give_answer(request: &mut TcpStream, answer: &str) {
    let length = answer.len();
    write!(
        request,
        "HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nLocation: /session\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
    )
    .expect("FFmpeg reads");
}

/// A stream of ours on loopback.
struct Stream {
    process: LineProcess,
    heard: Receiver<Heard<()>>,
}

impl Stream {
    fn start(arguments: &[&str]) -> Self {
        let (sender, heard) = channel();
        let mut command = handclasp_stream();
        command
            .args(["--plugin", "dtls-srtp", "--interface", "lo"])
            .args(arguments);
        let process = LineProcess::start(command, (), sender);
        Self { process, heard }
    }

    fn say(&mut self, message: &Value) {
        let written = self.process.write(message.to_string().as_bytes());
        written.expect("it reads");
    }

    /// The next event of this name.
    fn expect(&self, name: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(Heard::Event((), event)) if event["event"] == name => return event,
                Ok(Heard::Event((), event)) => {
                    let said = event["event"].as_str().unwrap_or_default();
                    let bad = [
                        "error",
                        "component_state_failed",
                        "component_state_disconnected",
                    ];
                    assert!(!bad.contains(&said), "{event} came before {name}");
                }
                Ok(Heard::End(())) => panic!("it ended before {name}"),
                Err(_) => panic!("it never said {name}"),
            }
        }
    }
}
