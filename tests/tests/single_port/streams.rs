//! Streams on one shared port, their peers on sockets of their own, and the signalling between them.
use handclasp::ice::Tcp;
use handclasp::plugin::{Role, Scanner, SearchPath};
use handclasp::stream::{Message, Notification};
use handclasp::{
    Application, BindOptions, Context, Departures, Host, HostOptions, StreamHandle, StreamOptions,
    StreamRef,
};
use handclasp_tests::plugins;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use zeroize::Zeroizing;

/// Far longer than anything here takes: a test that fails says so, and does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What thousands that start at one time may take to connect, where others keep the machine busy.
const ALL_AT_ONCE: Duration = Duration::from_secs(300);

/// Which end of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// On the port that all share.
    Server,
    Peer,
}

impl End {
    pub(crate) const BOTH: [Self; 2] = [Self::Server, Self::Peer];

    /// Where it has its sockets.
    pub(crate) fn bind(self, address: IpAddr) -> BindOptions {
        let is_shared = self == Self::Server;
        BindOptions::new().address(address).single_port(is_shared)
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Server => Self::Peer,
            Self::Peer => Self::Server,
        }
    }
}

/// What an end of a numbered pair reports of one of its components, by the component's id.
#[derive(Debug)]
pub(crate) enum Report {
    /// The local address of a selected pair.
    Selected(u16, SocketAddr),
    /// What the handshake agreed on.
    Ready(Zeroizing<Vec<u8>>),
    Received(u16, Vec<u8>),
}

enum Seen {
    Told(Notification),
    Received(u16, Vec<u8>),
}

/// Where servers pass on what arrives, and what they make of it for each number.
struct PassedOn {
    streams: Vec<StreamRef>,
    content: fn(usize, &[u8]) -> Vec<u8>,
}

/// Pairs of streams in one host, by number.
pub(crate) struct Streams {
    pairs: Vec<[StreamHandle; 2]>,
    /// "ufrag pwd" of the ends of each.
    credentials: Vec<[String; 2]>,
    seen: Receiver<(usize, End, Seen)>,
    passed_on: Arc<OnceLock<PassedOn>>,
    host: Host,
}

impl Streams {
    /// Opens `count` pairs over IPv4 on a host with so many event loops.
    pub(crate) fn open(loops: usize, plugin: &str, count: usize) -> Self {
        Self::open_with(loops, plugin, count, |_, options| options)
    }

    /// The same over TCP alone, each peer on connections of its own.
    pub(crate) fn open_over_tcp(loops: usize, plugin: &str, count: usize) -> Self {
        Self::open_with(loops, plugin, count, |end, options| {
            let tcp = match end {
                End::Server => Tcp::Passive,
                End::Peer => Tcp::Active,
            };
            options.bind(end.bind(Ipv4Addr::LOCALHOST.into()).tcp(tcp).udp(false))
        })
    }

    /// The same with other options for either end.
    pub(crate) fn open_with(
        loops: usize,
        plugin: &str,
        count: usize,
        adapt: impl Fn(End, StreamOptions) -> StreamOptions,
    ) -> Self {
        let plugins = SearchPath::from_dirs(vec![plugins()]).expect("they are built");
        let host_options = HostOptions::new(plugins)
            .scanner(Scanner::none())
            .loops(loops);
        let host = Host::new(host_options).expect("a host");
        let (sender, seen) = channel();
        let passed_on = Arc::new(OnceLock::new());
        let open = |number, end: End| {
            let options = StreamOptions::new(plugin)
                .controlling(end == End::Peer)
                .ice_timeout(ALL_AT_ONCE)
                .handshake_timeout(ALL_AT_ONCE)
                .bind(end.bind(Ipv4Addr::LOCALHOST.into()));
            let seen = sender.clone();
            let observer = Observer {
                number,
                end,
                seen,
                passed_on: Arc::clone(&passed_on),
            };
            host.open(adapt(end, options), Box::new(observer))
                .expect("a stream opens")
        };
        Self {
            pairs: (0..count)
                .map(|number| End::BOTH.map(|end| open(number, end)))
                .collect(),
            credentials: vec![Default::default(); count],
            seen,
            passed_on,
            host,
        }
    }

    /// What is reported next, with the signalling done.
    pub(crate) fn next(&mut self) -> (usize, End, Report) {
        loop {
            let report = self.report_within(PATIENCE);
            if let Some(report) = report.expect("something happens") {
                return report;
            }
        }
    }

    /// What is reported next, if something happens within `patience`; nothing if that was signalling.
    pub(crate) fn report_within(
        &mut self,
        patience: Duration,
    ) -> Option<Option<(usize, End, Report)>> {
        let (number, end, seen) = self.seen.recv_timeout(patience).ok()?;
        let report = match seen {
            Seen::Received(component_id, datagram) => Report::Received(component_id, datagram),
            Seen::Told(Notification::NewSelectedPair { component_id, pair }) => {
                Report::Selected(component_id, pair.local)
            }
            Seen::Told(Notification::ComponentStateReady { data, .. }) => Report::Ready(data),
            Seen::Told(Notification::ComponentStateFailed { reason, .. }) => {
                panic!("stream {number}, {end:?} failed: {reason}")
            }
            Seen::Told(notification) => {
                self.signal(number, end, notification);
                return Some(None);
            }
        };
        Some(Some((number, end, report)))
    }

    fn signal(&mut self, number: usize, from: End, notification: Notification) {
        if let Notification::LocalCredentials { credentials, .. } = &notification {
            self.credentials[number][from as usize].clone_from(credentials);
        }
        let role = match from {
            End::Server => Role::Initiator,
            End::Peer => Role::Responder,
        };
        let Some(message) = notification.for_peer(role) else {
            return;
        };
        let to = &self.pairs[number][from.other() as usize];
        to.send(message).expect("its loop keeps up");
    }

    pub(crate) fn send(&self, number: usize, from: End, component_id: u16, datagram: &[u8]) {
        let sent = self.pairs[number][from as usize].send_payload(component_id, datagram);
        sent.expect("its loop keeps up");
    }

    pub(crate) fn restart(&self, number: usize, end: End) {
        let restarted = &self.pairs[number][end as usize];
        restarted
            .send(Message::RestartStream)
            .expect("its loop keeps up");
    }

    /// Gives an end one more candidate of its peer's.
    pub(crate) fn offer(&self, number: usize, to: End, candidate: &str) {
        let message = Message::SetRemoteCandidate {
            candidate: candidate.to_owned(),
            component_id: 1,
        };
        self.pairs[number][to as usize]
            .send(message)
            .expect("its loop keeps up");
    }

    /// From now on servers pass every datagram on to all peers at once: to each what `content` makes of it.
    pub(crate) fn pass_on(&self, content: fn(usize, &[u8]) -> Vec<u8>) {
        let servers = self.pairs.iter().map(|pair| &pair[End::Server as usize]);
        let streams = servers.map(|server| server.downgrade()).collect();
        let first = self.passed_on.set(PassedOn { streams, content });
        assert!(first.is_ok(), "once only");
    }

    /// How many datagrams have left, of either end of all, and in how many system calls.
    pub(crate) fn departures(&self) -> Departures {
        self.host.departures()
    }

    /// The ufrag and the password of one end.
    pub(crate) fn credentials(&self, number: usize, end: End) -> (&str, &str) {
        let both = &self.credentials[number][end as usize];
        both.split_once(' ').expect("they have been told")
    }
}

struct Observer {
    number: usize,
    end: End,
    seen: Sender<(usize, End, Seen)>,
    passed_on: Arc<OnceLock<PassedOn>>,
}

impl Observer {
    fn see(&self, seen: Seen) {
        // The test may be over.
        let _ = self.seen.send((self.number, self.end, seen));
    }
}

impl Application for Observer {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        self.see(Seen::Told(notification));
    }

    fn receive(&mut self, _: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        match self.passed_on.get() {
            Some(PassedOn { streams, content }) if self.end == End::Server => {
                // On the loop's thread: it takes all of them in its next turn.
                for (number, stream) in streams.iter().enumerate() {
                    let sent = stream.send_payload(component_id, &content(number, datagram));
                    sent.expect("its loop keeps up");
                }
            }
            _ => self.see(Seen::Received(component_id, datagram.to_vec())),
        }
    }
}
