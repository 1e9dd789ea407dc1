//! A network of one's own. Some stacks never gather 127.0.0.1: here, 10.77.0.1 is an ordinary host address.
use crate::skip::Lacking;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Ends with the last of its processes and the holder, which is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Namespace {
    holder: Child,
}

/// `cat` holds the namespace; a default route makes the address one that stacks gather.
const SET_UP: &str = "
    ip link set lo up
    ip link add near type veth peer name far
    ip link set near up
    ip link set far up
    ip address add 10.77.0.1/24 dev near
    ip route add default via 10.77.0.2
    echo ready
    exec cat";

impl Namespace {
    pub(crate) fn new() -> Result<Self, Lacking> {
        let lacking = |cause: &str| {
            Lacking(format!(
                "no network namespace ({cause}): run the tests as root, with unshare, nsenter and ip installed"
            ))
        };
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-ec", SET_UP])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| lacking(&format!("unshare: {error}")))?;
        let stdout = holder.stdout.take().expect("it is piped");
        let namespace = Self { holder };
        let mut line = String::new();
        match BufReader::new(stdout).read_line(&mut line) {
            Ok(_) if line == "ready\n" => Ok(namespace),
            _ => Err(lacking("see the error above")),
        }
    }

    /// The same command, run inside.
    pub(crate) fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        inside
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args());
        inside
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
