//! Which ports streams share, what STUN servers see of them, and what is left out.
use crate::alone;
use crate::streams::PATIENCE;
use handclasp::ice::{Reflexive, Servers, StunServer, Tcp};
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::stream::Notification;
use handclasp::{
    BindOptions, Event, Events, Host, HostOptions, OpenError, StreamHandle, StreamOptions, channel,
};
use handclasp_tests::plugins;
use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};
use stun_proto::types::attribute::XorMappedAddress;
use stun_proto::types::message::{
    Message, MessageWrite as _, MessageWriteExt as _, MessageWriteVec,
};

const OUTSIDE: &str = "203.0.113.5:4242";

fn host() -> Host {
    let plugins = SearchPath::from_dirs(vec![plugins()]).expect("they are built");
    let options = HostOptions::new(plugins).scanner(Scanner::none()).loops(2);
    Host::new(options).expect("a host")
}

fn on_loopback() -> BindOptions {
    BindOptions::new()
        .address(Ipv4Addr::LOCALHOST)
        .single_port(true)
}

/// A STUN server that answers when the test says so.
struct StunSocket(UdpSocket);

impl StunSocket {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let patience = socket.set_read_timeout(Some(PATIENCE));
        patience.expect("it can wait");
        Self(socket)
    }

    /// Options of streams that ask it, and would wait for an hour.
    fn options(&self) -> StreamOptions {
        let server = StunServer {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: self.0.local_addr().expect("it is bound").port(),
        };
        StreamOptions::new("none")
            .bind(on_loopback())
            .gathering_timeout(Duration::from_secs(3600))
            .servers(Servers {
                stun: vec![server],
                ..Servers::default()
            })
    }

    fn request(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 1500];
        let (length, from) = self.0.recv_from(&mut buffer).expect("it is asked");
        (buffer[..length].to_vec(), from)
    }

    /// Answers that the socket at `to` is [`OUTSIDE`].
    fn answer(&self, request: &[u8], to: SocketAddr) {
        let request = Message::from_bytes(request).expect("it is STUN");
        let mut answer = Message::builder_success(&request, MessageWriteVec::new());
        let outside = OUTSIDE.parse().expect("it is an address");
        let mapped = XorMappedAddress::new(outside, request.transaction_id());
        answer.add_attribute(&mapped).expect("it fits");
        let sent = self.0.send_to(&answer.finish(), to);
        sent.expect("loopback takes it");
    }

    /// The transactions of what was asked since.
    fn transactions(&self) -> HashSet<Vec<u8>> {
        self.0.set_nonblocking(true).expect("it can");
        let mut buffer = [0; 1500];
        let next = || match self.0.recv(&mut buffer) {
            Ok(_) => Some(buffer[8..20].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        };
        let transactions = std::iter::from_fn(next).collect();
        self.0.set_nonblocking(false).expect("it can");
        transactions
    }
}

/// A stream, and what it is told.
struct Told {
    _stream: StreamHandle,
    events: Events,
}

impl Told {
    fn open(host: &Host, options: StreamOptions) -> Self {
        let (application, events) = channel();
        let stream = host.open(options, application);
        Self {
            _stream: stream.unwrap_or_else(|error| panic!("{error}")),
            events,
        }
    }

    fn next(&self) -> Notification {
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(Some((_, Event::Notification(notification)))) => return notification,
                Ok(Some(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn candidate(&self) -> String {
        loop {
            if let Notification::NewCandidateFull { candidate, .. } = self.next() {
                return candidate;
            }
        }
    }

    /// Its candidates and warnings until it says that these are all.
    fn gathered(&self) -> (Vec<String>, Vec<String>) {
        let (mut candidates, mut warnings) = (Vec::new(), Vec::new());
        loop {
            match self.next() {
                Notification::NewCandidateFull { candidate, .. } => candidates.push(candidate),
                Notification::Warning { warning } => warnings.push(warning),
                Notification::CandidateGatheringDone => return (candidates, warnings),
                Notification::ComponentStateFailed { reason, .. } => panic!("{reason}"),
                _ => {}
            }
        }
    }
}

fn is_outside(candidate: &str) -> bool {
    let (ip, port) = OUTSIDE.split_once(':').expect("it has a port");
    candidate.contains(&format!(" {ip} {port} typ srflx"))
}

fn port(candidate: &str) -> u16 {
    let word = candidate.split(' ').nth(5).expect("it is a candidate");
    word.parse().expect("its sixth word is a port")
}

/// Waits until a STUN server has answered for a shared socket.
fn known(host: &Host) -> Reflexive {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let known = host.reflexive_addresses();
        if let Some(one) = known.into_iter().find(|one| one.mapped.is_some()) {
            return one;
        }
        assert!(Instant::now() < deadline, "nothing is learnt");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_silent_stun_server_holds_no_stream_up_and_its_late_answer_reaches_all_of_them() {
    let _alone = alone();
    let (host, server) = (host(), StunSocket::new());
    let streams = [0; 20].map(|_| Told::open(&host, server.options()));
    for stream in &streams {
        let (candidates, _) = stream.gathered();
        assert!(
            candidates.iter().all(|it| it.contains("typ host")),
            "{candidates:?}"
        );
    }
    let (request, from) = server.request();
    server.answer(&request, from);
    for stream in &streams {
        let candidate = stream.candidate();
        assert!(is_outside(&candidate), "{candidate}");
    }
    let known = known(&host);
    assert_eq!((known.local, known.trouble), (from, None));
    let (candidates, _) = Told::open(&host, server.options()).gathered();
    let of_both = [
        candidates[0].contains("typ host"),
        is_outside(&candidates[1]),
    ];
    assert_eq!(of_both, [true, true], "{candidates:?}");
    let mut transactions = server.transactions();
    transactions.insert(request[8..20].to_vec());
    assert_eq!(transactions.len(), 1, "one request was for all");
}

#[test]
fn what_is_bound_before_the_first_stream_is_known_to_it() {
    let _alone = alone();
    let (host, server) = (host(), StunSocket::new());
    let bound = host.bind_shared(&server.options()).expect("a free port");
    let [local] = bound[..] else {
        panic!("{bound:?}");
    };
    let (request, from) = server.request();
    assert_eq!(from, local);
    server.answer(&request, from);
    assert_eq!(known(&host).local, local);
    let (candidates, _) = Told::open(&host, server.options()).gathered();
    assert_eq!(port(&candidates[0]), local.port());
    assert!(is_outside(&candidates[1]), "{candidates:?}");
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let number = taken.local_addr().expect("it is bound").port();
    let only = on_loopback().port_range(number..=number);
    let options = StreamOptions::new("none").bind(only);
    let refused = host.bind_shared(&options);
    assert!(matches!(refused, Err(OpenError::Bind(_))), "{refused:?}");
    let own = StreamOptions::new("none").bind(on_loopback().single_port(false));
    assert_eq!(host.bind_shared(&own).expect("nothing is to be bound"), []);
    host.shutdown(PATIENCE).expect("nothing hangs");
    let refused = host.bind_shared(&server.options());
    assert!(matches!(refused, Err(OpenError::ShutDown)), "{refused:?}");
}

#[test]
fn tcp_is_listened_for_at_the_shared_udp_port() {
    let _alone = alone();
    let host = host();
    assert_eq!(host.socket_buffers(), None);
    for _ in 0..2 {
        let options = StreamOptions::new("none").bind(on_loopback().tcp(Tcp::Passive));
        let (candidates, warnings) = Told::open(&host, options).gathered();
        let [udp, tcp] = &candidates[..] else {
            panic!("{candidates:?}");
        };
        assert!(tcp.contains("tcptype passive"), "{tcp}");
        assert_eq!(port(udp), port(tcp));
        assert_eq!(warnings, [""; 0]);
    }
    let buffers = host.socket_buffers().expect("there is a shared socket");
    assert!(buffers.receive > 0 && buffers.send > 0, "{buffers:?}");
}

#[test]
fn where_the_port_is_taken_for_tcp_streams_go_on_over_udp() {
    let _alone = alone();
    let host = host();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let number = taken.local_addr().expect("it is bound").port();
    let only = on_loopback().tcp(Tcp::Passive).port_range(number..=number);
    for _ in 0..2 {
        let options = StreamOptions::new("none").bind(only.clone());
        let (candidates, _) = Told::open(&host, options).gathered();
        let [udp] = &candidates[..] else {
            panic!("{candidates:?}");
        };
        assert_eq!(port(udp), number);
    }
}

#[test]
fn an_address_that_cannot_be_bound_beside_another_is_left_out_and_told_once() {
    let _alone = alone();
    let host = host();
    let elsewhere = Ipv4Addr::new(192, 0, 2, 77);
    let both = on_loopback().address(elsewhere);
    let own = StreamOptions::new("none").bind(both.clone().single_port(false));
    let (candidates, warnings) = Told::open(&host, own).gathered();
    assert_eq!(candidates.len(), 1, "{candidates:?}");
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    assert!(warning.contains("does without 192.0.2.77"), "{warning}");
    let shared = StreamOptions::new("none").bind(both);
    let (candidates, warnings) = Told::open(&host, shared).gathered();
    assert_eq!((candidates.len(), warnings.len()), (1, 0), "it is logged");
}
