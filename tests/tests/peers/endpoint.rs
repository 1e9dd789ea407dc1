//! A plugin's instance at a real socket and in real time, with nothing of ICE between it and its peer.
use handclasp::plugin::{
    Call, Deadline, Failure, InProcess, InitParameters, Outcome, Plugin, PrivateCopies, Request,
    Role, Services, validate, vet,
};
use handclasp_tests::Lacking;
use handclasp_tests::built;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a handshake may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// One of the project's plugins, in a host of its own whose key log is kept.
pub(crate) struct Opened {
    plugin: Arc<Plugin>,
    _services: Arc<Services>,
    key_log: Arc<Mutex<Vec<String>>>,
}

/// An instance, and the way to its peer.
pub(crate) struct Endpoint {
    socket: UdpSocket,
    started: Instant,
    calls: InProcess,
    deadline: Option<u64>,
    init_data: Vec<u8>,
    agreed: Option<Vec<u8>>,
}

impl Opened {
    pub(crate) fn new(id: &str) -> Result<Self, Lacking> {
        let library = built(id)?;
        let key_log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&key_log);
        let services = Arc::new(Services {
            keylog: Some(Box::new(move |line| {
                lines.lock().expect(UNSPOILT).push(line.to_owned());
            })),
            ..Services::default()
        });
        let plugin = open(&library, &services).unwrap_or_else(|error| panic!("{error}"));
        Ok(Self {
            plugin,
            _services: services,
            key_log,
        })
    }

    /// An instance, or why `init` failed.
    pub(crate) fn endpoint(&self, options: &[(&str, &str)]) -> Result<Endpoint, Failure> {
        let mut endpoint = Endpoint {
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port"),
            started: Instant::now(),
            calls: InProcess::new(Arc::clone(&self.plugin)),
            deadline: None,
            init_data: Vec::new(),
            agreed: None,
        };
        let parameters = parameters(&self.plugin, options);
        endpoint.run(Call::Init(parameters))?;
        Ok(endpoint)
    }

    /// The lines of the key log since this was asked last.
    pub(crate) fn take_key_log(&self) -> Vec<String> {
        std::mem::take(&mut self.key_log.lock().expect(UNSPOILT))
    }
}

/// The only one of an endpoint's.
const INSTANCE: u64 = 1;

const UNSPOILT: &str = "nobody panics while it is locked";

impl Endpoint {
    /// What the peer has to know.
    pub(crate) fn init_data(&self) -> String {
        String::from_utf8(self.init_data.clone()).expect("lines of SDP are UTF-8")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }

    pub(crate) fn set_peer(&mut self, role: Role, init_data: &str) {
        self.run(Call::SetPeer(role, init_data.into()))
            .unwrap_or_else(|failure| panic!("{failure}"));
    }

    pub(crate) fn connect(&self, peer: SocketAddr) {
        self.socket.connect(peer).expect("loopback is reachable");
    }

    /// Takes whoever sends first for the peer.
    pub(crate) fn accept(&self) {
        self.wait(PATIENCE);
        let peer = loop {
            match self.socket.peek_from(&mut [0]) {
                Ok((_, peer)) => break peer,
                // A read with a timeout is not taken up again after a pause of the process.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("nobody sends: {error}"),
            }
        };
        self.connect(peer);
    }

    /// Shakes hands; returns what was agreed on.
    pub(crate) fn shake_hands(&mut self) -> Result<Vec<u8>, Failure> {
        self.run(Call::ConnectionReady)?;
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(agreed) = &self.agreed {
                return Ok(agreed.clone());
            }
            assert!(Instant::now() < give_up, "it never finished");
            self.step()?;
        }
    }

    /// Says goodbye.
    pub(crate) fn close(mut self) {
        self.run(Call::Close)
            .unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// Goes on until the instance fails, which a peer's farewell makes it do.
    pub(crate) fn hear_the_end(&mut self) -> Failure {
        let give_up = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < give_up, "it never ended");
            if let Err(failure) = self.step() {
                return failure;
            }
        }
    }

    /// Keys for a label, as the application gets them.
    pub(crate) fn export(&mut self, label: &str, len: usize) -> Vec<u8> {
        let mut keys = vec![0; len];
        self.calls
            .export(INSTANCE, label.as_bytes(), None, &mut keys)
            .unwrap_or_else(|failure| panic!("{failure}"));
        keys
    }

    /// Takes a datagram, or calls for the deadline.
    fn step(&mut self) -> Result<(), Failure> {
        let now = self.now();
        let left = |at: u64| Duration::from_nanos(at.saturating_sub(now));
        self.wait(self.deadline.map_or(PATIENCE, left));
        let mut buffer = [0; 65536];
        match self.socket.recv(&mut buffer) {
            Ok(len) => self.run(Call::RecvFromPeer(buffer[..len].to_vec())),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.deadline = None;
                self.run(Call::OnDeadline)
            }
            Err(error) => panic!("the peer is gone: {error}"),
        }
    }

    fn wait(&self, at_most: Duration) {
        let timeout = at_most.max(Duration::from_millis(1)); // zero would be for ever
        self.socket
            .set_read_timeout(Some(timeout))
            .expect("it is not zero");
    }

    fn run(&mut self, call: Call) -> Result<(), Failure> {
        let request = Request {
            instance_id: INSTANCE,
            call,
        };
        let now = self.now();
        let completion = self.calls.run(request, now);
        let effects = completion.effects;
        for packet in effects.packets() {
            // Refused where the peer is gone: its last words may be on the way all the same.
            let _ = self.socket.send(packet);
        }
        match effects.deadline {
            Some(Deadline::At(at)) => self.deadline = Some(at),
            Some(Deadline::Cleared) => self.deadline = None,
            None => {}
        }
        self.init_data.extend(effects.init_data.iter().flatten());
        match completion.outcome {
            Outcome::Finished(data) => self.agreed = Some(data.to_vec()),
            Outcome::Failed(failure) => return Err(failure),
            Outcome::NotHandshake(_) => panic!("all that comes is the handshake's"),
            Outcome::Pending
            | Outcome::Exported(_)
            | Outcome::NotExported(_)
            | Outcome::Closed
            | Outcome::Gone => {}
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        let since = self.started.elapsed().as_nanos();
        u64::try_from(since).expect("tests take less than centuries")
    }
}

fn parameters(plugin: &Plugin, options: &[(&str, &str)]) -> InitParameters {
    let owned = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
    let given: Vec<_> = options.iter().map(owned).collect();
    let options = validate(plugin.id(), &plugin.description().options, &given)
        .unwrap_or_else(|error| panic!("{error}"));
    InitParameters {
        component_id: 1,
        component_count: 1,
        mtu: 1200,
        instance_id: INSTANCE,
        stream_id: 1,
        options: options.into(),
    }
}

fn open(file: &Path, services: &Arc<Services>) -> Result<Arc<Plugin>, Box<dyn Error>> {
    let copies = PrivateCopies::new();
    let copy = copies.copy(&vet(file)?)?;
    Ok(Plugin::open(&copy, services)?)
}
