//! The programs in `host/examples` do what they say.
mod rust;

use handclasp_tests::{is_here, program};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[track_caller]
fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaints}");
    said
}

/// Ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn python() -> Command {
    let script: PathBuf = Path::new(ROOT).join("host/examples/signalling.py");
    let mut command = Command::new("python3");
    command.arg(script).stdout(Stdio::piped());
    command
}

#[test]
fn two_streams_meet_over_a_signalling_server_in_python() {
    if !is_here("python3", "python3") {
        return;
    }
    let server = python().args(["serve", "127.0.0.1", "0"]).spawn();
    let mut server = Server(server.expect("Python is here"));
    let mut port = String::new();
    let stdout = server.0.stdout.take().expect("it is piped");
    BufReader::new(stdout)
        .read_line(&mut port)
        .expect("it says its port");
    let join = || {
        python()
            .args(["join", "127.0.0.1", port.trim()])
            .arg(program())
            .args(["stream", "--plugin", "dtls-srtp", "--address", "127.0.0.1"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("Python is here")
    };
    let peers = [join(), join()].map(|peer| peer.wait_with_output().expect("it was started"));
    let said = peers.map(|output| said(&output)).concat();
    for hello in [
        "initiator received hello from the responder",
        "responder received hello from the initiator",
    ] {
        assert!(said.contains(hello), "{said}");
    }
}
