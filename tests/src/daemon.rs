//! A running daemon, and programs that drive it.
use crate::in_time::await_that;
use crate::plugins::program;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// `handclasp serve`, with everything of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    process: Child,
    place: Arc<TempDir>,
    socket: PathBuf,
    /// The name of its log.
    log: String,
}

/// How long a line may take to come on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl Daemon {
    /// With plugins from there, and more lines of configuration: keys of `[limits]` and the like, with their tables.
    pub fn start(plugins: &Path, configuration: &str) -> Self {
        let place = tempfile::tempdir().expect("there is room");
        Self::start_in(place.into(), plugins, configuration)
    }

    /// The same in a directory that another one may have left.
    pub fn start_in(place: Arc<TempDir>, plugins: &Path, configuration: &str) -> Self {
        // Other tests take this machine's time.
        let mut limits = String::new();
        if !configuration.contains("max-lag") {
            limits += "limits.max-lag = \"1m\"\n";
        }
        if !configuration.contains("opens-per-second") {
            limits += "limits.opens-per-second = 100000\nlimits.open-burst = 100000\n";
        }
        Self::launch(place, plugins, &(limits + configuration))
    }

    /// The same with the limits that a daemon has if nobody says otherwise: those of a machine that it has to itself.
    pub fn start_with_default_limits(plugins: &Path, configuration: &str) -> Self {
        let place = tempfile::tempdir().expect("there is room");
        Self::launch(place.into(), plugins, configuration)
    }

    fn launch(place: Arc<TempDir>, plugins: &Path, configuration: &str) -> Self {
        write_configuration(place.path(), plugins, configuration);
        let mut daemon = Self::spawn(place, "log", configuration, &[]);
        await_that("the daemon is there", || {
            let ended = daemon.process.try_wait().expect("it is a child");
            assert_eq!(ended, None, "{}", daemon.log());
            UnixStream::connect(&daemon.socket).is_ok()
        });
        daemon
    }

    /// One more with the same configuration, which takes the place of the daemon at this control socket.
    pub fn successor(&self, of: &Path) -> Self {
        let takeover = format!("--takeover={}", of.display());
        let log = format!("{}+", self.log);
        let mut daemon = Self::spawn(Arc::clone(&self.place), &log, "", &[&takeover]);
        await_that("the daemon has taken over", || {
            let ended = daemon.process.try_wait().expect("it is a child");
            assert_eq!(ended, None, "{}", daemon.log());
            daemon.log().contains("taken over from process")
        });
        daemon
    }

    fn spawn(place: Arc<TempDir>, log: &str, configuration: &str, arguments: &[&str]) -> Self {
        let file = place.path().join("handclasp.toml");
        let written = fs::File::create(place.path().join(log)).expect("there is room");
        let level = std::env::var("HANDCLASP_LOG").unwrap_or_else(|_| "info".to_owned());
        let mut command = Command::new(program());
        match configuration.contains("log.level") {
            true => command.env_remove("HANDCLASP_LOG"),
            false => command.env("HANDCLASP_LOG", level),
        };
        let process = command
            .args(["serve", "--config"])
            .arg(file)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(written)
            .spawn();
        Self {
            process: process.expect("it is built"),
            socket: place.path().join("control.sock"),
            place,
            log: log.to_owned(),
        }
    }

    /// A connection to it.
    pub fn controller(&self) -> Controller {
        Controller::connect(&self.socket)
    }

    /// Its control socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.place.path().join("handclasp.toml")
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.place.path().join(&self.log)).unwrap_or_default()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, signal).expect("it is a child");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        await_that("the daemon ends", || {
            ended = self.process.try_wait().expect("it is a child");
            ended.is_some()
        });
        ended.expect("it was waited for")
    }

    /// Kills it, and gives what it had.
    pub fn kill(mut self) -> Arc<TempDir> {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
        Arc::clone(&self.place)
    }

    /// Runs `handclasp ctl` on it.
    pub fn ctl(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(program())
            .arg("ctl")
            .args(arguments)
            .arg("--socket")
            .arg(&self.socket)
            .output()
            .expect("it is built")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

/// What is the same for all of them is in front of `configuration`.
fn write_configuration(place: &Path, plugins: &Path, configuration: &str) {
    let mut text = format!(
        "control.socket = {:?}\nplugins.directories = [{plugins:?}]\n",
        place.join("control.sock"),
    );
    if !configuration.contains("listen.port") {
        let _ = writeln!(text, "listen.port = {}", free_port());
    }
    if !configuration.contains("listen.addresses") {
        text += "listen.addresses = [\"127.0.0.1\"]\n";
    }
    text += configuration;
    fs::write(place.join("handclasp.toml"), text).expect("there is room");
}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("there are ports left");
    socket.local_addr().expect("it is bound").port()
}

/// A program that drives streams of a daemon's.
#[derive(Debug)]
pub struct Controller {
    output: UnixStream,
    input: BufReader<UnixStream>,
    /// What came while something else was waited for.
    events: VecDeque<Value>,
    line: Vec<u8>,
}

impl Controller {
    /// # Panics
    /// Nobody listens there.
    pub fn connect(socket: &Path) -> Self {
        let output = UnixStream::connect(socket).expect("the daemon listens");
        output
            .set_read_timeout(Some(PATIENCE))
            .expect("it is some time");
        let input =
            BufReader::with_capacity(1 << 16, output.try_clone().expect("there are files left"));
        Self {
            output,
            input,
            events: VecDeque::new(),
            line: Vec::new(),
        }
    }

    /// Where another thread writes lines while this one reads.
    pub fn output(&self) -> UnixStream {
        self.output.try_clone().expect("there are files left")
    }

    /// Sends a line.
    pub fn send(&mut self, line: &Value) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Sends these bytes, which may be half a line.
    pub fn write(&mut self, bytes: &[u8]) {
        self.output.write_all(bytes).expect("the daemon reads");
    }

    /// Sends a request, and returns what is answered.
    #[track_caller]
    pub fn ask(&mut self, request: &Value) -> Value {
        self.send(request);
        self.response()
    }

    /// The next response.
    #[track_caller]
    pub fn response(&mut self) -> Value {
        loop {
            let line = self.read().expect("the daemon answers");
            match line.get("response") {
                Some(_) => return line,
                None => self.events.push_back(line),
            }
        }
    }

    /// The next event of which this holds; others before it wait.
    #[track_caller]
    pub fn event(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.events.iter().position(&is_it) {
            return self.events.remove(index).expect("it is there");
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(
                Instant::now() < deadline,
                "no such event: {:?}",
                self.events
            );
            let line = self.read().expect("the daemon tells");
            if is_it(&line) {
                return line;
            }
            self.events.push_back(line);
        }
    }

    /// The next event, one that waits first; `None` if none comes for so long.
    pub fn next_event(&mut self, within: Duration) -> Option<Value> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        self.output
            .set_read_timeout(Some(within))
            .expect("it is some time");
        let read = self.read();
        self.output
            .set_read_timeout(Some(PATIENCE))
            .expect("it is some time");
        read
    }

    /// The next line that is not empty; `None` at the end, or if none comes in time. What has come of a line is kept.
    pub fn read(&mut self) -> Option<Value> {
        loop {
            match self.input.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return None;
                }
                Err(error) => panic!("the daemon cannot be heard: {error}"),
            }
            let line = std::mem::take(&mut self.line);
            if line != b"\n" {
                let line = serde_json::from_slice(&line);
                return Some(line.expect("each line is JSON"));
            }
        }
    }

    /// Two streams of the daemon's that are each other's peers: waits until both are ready.
    #[track_caller]
    pub fn pair(&mut self, options: &Value) -> [String; 2] {
        let names = self.begin_pair(options);
        for name in &names {
            self.event(|event| {
                event["event"] == "component_state_ready" && event["stream"] == name.as_str()
            });
        }
        names
    }

    /// The same, without the waiting.
    #[track_caller]
    pub fn begin_pair(&mut self, options: &Value) -> [String; 2] {
        let names = [true, false].map(|controlling| {
            let mut request =
                json!({"request": "open", "controlling": controlling, "own_ports": !controlling});
            let request_fields = request.as_object_mut().expect("it is one");
            request_fields.extend(options.as_object().cloned().unwrap_or_default());
            let opened = self.ask(&request);
            let name = opened["stream"].as_str();
            name.unwrap_or_else(|| panic!("{opened}")).to_owned()
        });
        let [stream, peer] = &names;
        let connected = self.ask(&json!({"request": "connect", "stream": stream, "peer": peer}));
        assert_eq!(connected.get("error"), None, "{connected}");
        names
    }
}
