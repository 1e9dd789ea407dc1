//! The Rust programs.
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::stream::{Message, Notification};
use handclasp::{
    Application, BindOptions, Context, Host, HostOptions, StreamHandle, StreamOptions,
};
use handclasp_tests::{plugins, target_directory};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// An example of the whole workspace, of what the tests are built of already: the daemon asks for the feature `tokio`.
fn example(name: &str) -> Command {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--workspace"])
        .args(["--example", name])
        .env("CARGO_TARGET_DIR", target_directory())
        .current_dir(super::ROOT)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "{name}");
    Command::new(target_directory().join("release/examples").join(name))
}

#[test]
fn two_peers_in_one_process_say_hello() {
    let output = example("two_peers").arg(plugins()).output();
    let said = super::said(&output.expect("it was just built"));
    for peer in [0, 1] {
        let ready = format!("peer {peer} is ready: ");
        let received = format!("peer {peer} received \"hello from peer {}\"", 1 - peer);
        assert!(said.contains(&ready), "{said}");
        assert!(said.lines().any(|line| line == received), "{said}");
    }
}

/// The echo server, which ends with the test.
struct Echo {
    program: Child,
    address: String,
}

impl Echo {
    fn start() -> Self {
        let mut program = example("echo")
            .arg(plugins())
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was just built");
        let mut address = String::new();
        let stdout = program.stdout.take().expect("it is piped");
        let read = BufReader::new(stdout).read_line(&mut address);
        read.expect("it says where it listens");
        let address = address.trim().to_owned();
        Self { program, address }
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.program.id()).expect("ids are small");
        let id = Pid::from_raw(id).expect("it runs");
        kill_process(id, signal).expect("it is a child of this process");
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn its_clients_get_their_echo() {
    let echo = Echo::start();
    for client in ["client", "tokio"] {
        let output = example(client).arg(plugins()).arg(&echo.address).output();
        let said = super::said(&output.expect("it was just built"));
        let lines: Vec<_> = said.lines().collect();
        let [ready, echoed] = lines[..] else {
            panic!("{client}: {said}");
        };
        assert!(ready.starts_with("ready: "), "{client}: {said}");
        assert_eq!(echoed, "echoed: hello", "{client}");
    }
}

/// A client of many, which sends a datagram as soon as it may.
struct Client {
    number: usize,
    events: Sender<(usize, Said)>,
}

enum Said {
    Offer(String),
    Echoed(Vec<u8>),
    Failed(String),
}

impl Client {
    fn say(&self, said: Said) {
        // The test may be over.
        let _ = self.events.send((self.number, said));
    }
}

impl Application for Client {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        match notification {
            Notification::CandidateGatheringDone => {
                let asked = context.stream().send(Message::GenerateLocalSdp);
                asked.expect("it runs");
            }
            Notification::LocalSdp { sdp } => self.say(Said::Offer(sdp)),
            Notification::ComponentStateReady { component_id, .. } => {
                context.reply(component_id, &self.number.to_be_bytes());
            }
            Notification::ComponentStateFailed { reason, .. } => {
                self.say(Said::Failed(reason.to_string()));
            }
            Notification::CouldNotSendPayload { reason, .. } => self.say(Said::Failed(reason)),
            _ => {}
        }
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, datagram: &[u8]) {
        self.say(Said::Echoed(datagram.to_vec()));
    }
}

/// The server is stopped and goes on all the time: a client's last of the handshake and its first datagram come together, and
/// up to 50 ms lie between the two sides' finish.
fn stop_and_go(echo: &Echo, is_over: &AtomicBool) {
    let mut random = fastrand::Rng::with_seed(7);
    while !is_over.load(Ordering::Relaxed) {
        echo.signal(Signal::STOP);
        thread::sleep(Duration::from_millis(random.u64(..50)));
        echo.signal(Signal::CONT);
        thread::sleep(Duration::from_millis(random.u64(1..50)));
    }
}

#[test]
fn the_echo_server_loses_no_first_datagram() {
    const AT_A_TIME: usize = 32;
    let clients = match std::env::var("FIRST_DATAGRAMS") {
        Ok(count) => count.parse().expect("FIRST_DATAGRAMS is how many clients"),
        Err(_) => 1000,
    };
    let echo = Arc::new(Echo::start());
    let is_over = Arc::new(AtomicBool::new(false));
    let stopper = {
        let (echo, is_over) = (Arc::clone(&echo), Arc::clone(&is_over));
        thread::spawn(move || stop_and_go(&echo, &is_over))
    };
    let plugins = SearchPath::from_dirs(vec![plugins()]).expect("they are built");
    let host = Host::new(HostOptions::new(plugins).scanner(Scanner::none())).expect("a host");
    let (sender, events) = channel();
    let (mut streams, mut opened, mut echoed) = (HashMap::<usize, StreamHandle>::new(), 0, 0);
    while echoed < clients {
        while opened < clients && streams.len() < AT_A_TIME {
            let client = Client {
                number: opened,
                events: sender.clone(),
            };
            let bind = BindOptions::new().address(Ipv4Addr::LOCALHOST);
            let options = StreamOptions::new("dtls-srtp").controlling(true).bind(bind);
            let stream = host.open(options, client);
            streams.insert(opened, stream.unwrap_or_else(|error| panic!("{error}")));
            opened += 1;
        }
        let (number, said) = events.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("{} of {echoed} clients wait for their echo", streams.len())
        });
        match said {
            Said::Offer(sdp) => {
                let sdp = ask(&echo.address, &sdp);
                let told = streams[&number].send(Message::ParseRemoteSdp { sdp });
                told.expect("it runs");
            }
            Said::Echoed(datagram) => {
                assert_eq!(datagram, number.to_be_bytes());
                streams.remove(&number);
                echoed += 1;
            }
            Said::Failed(reason) => panic!("client {number}: {reason}"),
        }
    }
    is_over.store(true, Ordering::Relaxed);
    stopper.join().expect("its child runs");
}

/// Gives the server a description, and gets its.
fn ask(server: &str, sdp: &str) -> String {
    let mut server = TcpStream::connect(server).expect("it listens");
    server.write_all(sdp.as_bytes()).expect("it reads");
    server.shutdown(Shutdown::Write).expect("it was connected");
    let mut answer = String::new();
    server.read_to_string(&mut answer).expect("it answers");
    answer
}
