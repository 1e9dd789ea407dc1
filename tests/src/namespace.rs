use crate::skip::{Lacking, need};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// A network of one's own, with nothing in it but loopback.
///
/// It has no name and ends with the last of its processes; the one that holds it ends with this, or with
/// the test run. So nothing is left of it, even of a run that was killed.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// # Errors
    /// The system makes none for this user.
    pub fn new() -> Result<Self, Lacking> {
        need("unshare", "util-linux")?;
        need("nsenter", "util-linux")?;
        need("ip", "iproute2")?;
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-ec"])
            .arg("ip link set lo up; echo ready; exec cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Lacking(format!("unshare cannot be run: {error}")))?;
        let stdout = holder.stdout.take().expect("it is piped");
        let mut stderr = holder.stderr.take().expect("it is piped");
        let namespace = Self { holder };
        let mut line = String::new();
        match BufReader::new(stdout).read_line(&mut line) {
            Ok(_) if line == "ready\n" => Ok(namespace),
            _ => {
                let mut cause = String::new();
                let _ = stderr.read_to_string(&mut cause);
                let cause = cause.trim();
                Err(Lacking(format!(
                    "no network namespace ({cause}): run the tests as root"
                )))
            }
        }
    }

    /// The same command, run inside: program, arguments, and variables that are set.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        let variables = command.get_envs();
        inside
            .arg(format!("--net=/proc/{}/ns/net", self.holder.id()))
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args())
            .envs(variables.filter_map(|(name, value)| Some((name, value?))));
        inside
    }

    /// Runs a script of shell commands inside, up to the first that fails.
    ///
    /// # Panics
    /// One does.
    pub fn run(&self, script: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-ec", script]);
        let status = self.inside(&shell).stdin(Stdio::null()).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "see above which command of this script failed: {script}"
        );
    }

    /// Joins an interface here with one there, as a cable would; both are up.
    ///
    /// # Panics
    /// One of the names is taken.
    pub fn join(&self, name: &str, there: &Self, name_there: &str) {
        let netns = there.holder.id();
        self.run(&format!(
            "ip link add {name} type veth peer name {name_there} netns {netns}; ip link set {name} up"
        ));
        there.run(&format!("ip link set {name_there} up"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
