//! What only real sockets can show: two streams of one host, over loopback.
use handclasp::plugin::{Role, Scanner, SearchPath};
use handclasp::stream::{Message, Notification};
use handclasp::{
    Application, BindOptions, Context, Event, Family, Host, HostOptions, SendError, StreamHandle,
    StreamOptions,
};
use handclasp_tests::{Namespace, authentic, cc, fixture, plugins, skip};
use is::stun::{StunMessage, TransId};
use std::env::consts::DLL_SUFFIX;
use std::env::current_exe;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one of the two sides saw.
enum Seen {
    Told(usize, Notification),
    Received(usize, Vec<u8>),
}

struct Observer {
    side: usize,
    seen: Sender<Seen>,
    gate: Receiver<()>,
}

/// A datagram that stops the event loop of whoever receives it until the test opens the gate.
const HOLD: &[u8] = b"hold";

impl Application for Observer {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        // The test may be over.
        let _ = self.seen.send(Seen::Told(self.side, notification));
    }

    fn receive(&mut self, _: &mut Context<'_>, _component_id: u16, datagram: &[u8]) {
        let _ = self.seen.send(Seen::Received(self.side, datagram.to_vec()));
        if datagram == HOLD {
            let _ = self.gate.recv();
        }
    }
}

/// Two streams, what they saw, and the host they live in.
struct Pair {
    sides: [StreamHandle; 2],
    gates: [Sender<()>; 2],
    seen: Receiver<Seen>,
    host: Host,
}

impl Pair {
    fn open(port_range: Option<RangeInclusive<u16>>) -> Self {
        let blocking = fixture("waits_in_init", &[]);
        let fixtures = blocking.parent().expect("it is in a directory").to_owned();
        Self::of("none", vec![plugins(), fixtures], 1, port_range)
    }

    /// Of a plugin in one of these directories, on so many event loops.
    fn of(
        plugin: &str,
        directories: Vec<PathBuf>,
        loops: usize,
        port_range: Option<RangeInclusive<u16>>,
    ) -> Self {
        let plugins = SearchPath::from_dirs(directories).expect("they are built");
        let host_options = HostOptions::new(plugins)
            .scanner(Scanner::none())
            .loops(loops);
        let host = Host::new(host_options).expect("a host");
        let (sender, seen) = channel();
        let opened = [0, 1].map(|side| {
            let (open_gate, gate) = channel();
            let options = options(plugin)
                .controlling(side == 0)
                .bind(on_loopback().port_range(port_range.clone()));
            let seen = sender.clone();
            let stream = host.open(options, Box::new(Observer { side, seen, gate }));
            let stream = stream.unwrap_or_else(|error| panic!("{error}"));
            (stream, open_gate)
        });
        let [(a, a_gate), (b, b_gate)] = opened;
        Self {
            sides: [a, b],
            gates: [a_gate, b_gate],
            seen,
            host,
        }
    }

    /// The next thing seen, with the signalling done.
    fn next(&self) -> Seen {
        let seen = self.seen.recv_timeout(PATIENCE).expect("something happens");
        if let Seen::Told(side, notification) = &seen
            && let Some(message) = notification.for_peer([Role::Responder, Role::Initiator][*side])
        {
            // Its loop may have ended.
            let _ = self.sides[1 - side].send(message);
        }
        seen
    }

    fn send(&self, side: usize, component_id: u16, datagram: &[u8]) {
        let sent = self.sides[side].send_payload(component_id, datagram);
        sent.expect("its loop keeps up");
    }

    fn connect(&self) {
        let mut ready = 0;
        while ready < 2 {
            let told = self.next();
            ready += u8::from(matches!(
                told,
                Seen::Told(_, Notification::ComponentStateReady { .. })
            ));
        }
    }
}

fn on_loopback() -> BindOptions {
    BindOptions::new().address(Ipv4Addr::LOCALHOST)
}

/// On loopback.
fn options(plugin: &str) -> StreamOptions {
    StreamOptions::new(plugin).bind(on_loopback())
}

#[test]
fn s23_a_datagram_the_system_refuses_is_reported_and_the_flow_goes_on() {
    let pair = Pair::open(None);
    pair.connect();
    pair.send(0, 1, b"before");
    pair.send(0, 1, &[0; 65_520]); // more than UDP can carry
    pair.send(0, 1, b"after");
    let (mut refused, mut received) = (None, Vec::new());
    while refused.is_none() || received.len() < 2 {
        match pair.next() {
            Seen::Told(
                0,
                Notification::CouldNotSendPayload {
                    component_id: 1,
                    reason,
                },
            ) => refused = Some(reason),
            Seen::Received(1, datagram) => received.push(datagram),
            _ => {}
        }
    }
    assert_eq!(received, [b"before".as_slice(), b"after"]);
    assert!(refused.is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn s23_an_empty_datagram_is_reported_and_the_flow_goes_on() {
    let pair = Pair::open(None);
    pair.connect();
    pair.send(0, 1, b"");
    pair.send(0, 1, b"after");
    let (mut refused, mut received) = (None, None);
    while refused.is_none() || received.is_none() {
        match pair.next() {
            Seen::Told(0, Notification::CouldNotSendPayload { reason, .. }) => {
                refused = Some(reason);
            }
            Seen::Received(1, datagram) => received = Some(datagram),
            _ => {}
        }
    }
    assert_eq!(received.as_deref(), Some(&b"after"[..]));
    assert!(refused.is_some_and(|reason| reason.contains("empty")));
}

#[test]
fn s23_datagrams_that_come_too_fast_are_refused_and_the_flow_goes_on() {
    let pair = Pair::open(None);
    pair.connect();
    pair.send(1, 1, HOLD);
    while !matches!(pair.next(), Seen::Received(0, _)) {}
    let datagram = [0; 60_000];
    let taken = (0..100).map_while(|_| pair.sides[0].send_payload(1, &datagram).ok());
    assert_eq!(taken.count(), (1 << 20) / 60_000 + 1);
    let refused = pair.sides[0].send_payload(1, &datagram);
    assert_eq!(refused, Err(SendError::Full));
    let queued = pair.sides[0].queued();
    assert!(
        queued.payloads > 0 && queued.payload_bytes >= 1 << 20,
        "{queued:?}"
    );
    pair.gates[0].send(()).expect("the loop waits for it");
    pair.sides[0].flush().expect("it runs");
    assert_eq!(pair.sides[0].queued().payloads, 0);
    // The socket's buffer may still be full of the others: what is lost then nobody sends again.
    let give_up = Instant::now() + PATIENCE;
    loop {
        pair.send(0, 1, b"after");
        let seen = pair.seen.recv_timeout(Duration::from_millis(200));
        if matches!(seen, Ok(Seen::Received(1, datagram)) if datagram == b"after") {
            break;
        }
        assert!(Instant::now() < give_up, "the flow does not go on");
    }
}

#[test]
fn s23_a_datagram_refused_in_the_turn_of_the_end_is_reported_before_it() {
    for end in [Message::Close, Message::Stop] {
        let pair = Pair::open(None);
        pair.connect();
        pair.send(1, 1, HOLD);
        while !matches!(pair.next(), Seen::Received(0, _)) {}
        pair.send(0, 1, &[0; 65_520]);
        pair.sides[0].send(end.clone()).expect("its loop keeps up");
        pair.gates[0].send(()).expect("the loop waits for it");
        let mut told = Vec::new();
        while !matches!(told.last(), Some(Notification::ComponentClosed { .. })) {
            if let Seen::Told(0, notification) = pair.next() {
                told.push(notification);
            }
        }
        let refused =
            |told: &Notification| matches!(told, Notification::CouldNotSendPayload { .. });
        assert!(told.iter().any(refused), "{end:?}: {told:?}");
    }
}

#[test]
fn a_plugin_s_thread_wakes_its_own_instance() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/check/wakes.c");
    let library = directory.path().join(format!("wakes{DLL_SUFFIX}"));
    cc(Path::new(source), &library, &["-pthread"]);
    // Each stream lives on a loop of its own.
    let pair = Pair::of("greeting", vec![directory.path().to_owned()], 2, None);
    pair.connect();
}

/// A FIFO that a plugin's `init` waits at. Dropping it opens it, too: a host that waits for `init` can then end.
struct Gate(TempDir);

impl Gate {
    fn new() -> Self {
        let gate = Self(tempfile::tempdir().expect("the temporary directory is writable"));
        let made = Command::new("mkfifo").arg(gate.path()).status();
        assert!(made.is_ok_and(|made| made.success()), "POSIX has mkfifo");
        gate
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("gate")
    }

    fn open(&self) {
        // Reading as well, so that this does not wait for somebody who reads.
        let opened = File::options().read(true).write(true).open(self.path());
        let written = opened.and_then(|mut gate| gate.write_all(b"\n").map(|()| gate));
        std::mem::forget(written.expect("it is ours")); // what was written stays as long as it is open
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

#[test]
fn s04_an_init_that_blocks_stops_no_other_stream_of_its_loop() {
    let pair = Pair::open(None);
    let gate = Gate::new();
    let (seen, told) = channel();
    let (_, never) = channel();
    let options = options("waits-in-init").plugin_option("gate", gate.path().display().to_string());
    let application = Observer {
        side: 0,
        seen,
        gate: never,
    };
    let slow = pair.host.open(options, Box::new(application));
    let _slow = slow.unwrap_or_else(|error| panic!("{error}"));
    pair.connect();
    assert!(told.try_recv().is_err(), "its init is not over");
    gate.open();
    let first = told.recv_timeout(PATIENCE).expect("its init is over");
    assert!(matches!(
        first,
        Seen::Told(0, Notification::HandshakeInitData { .. })
    ));
}

#[test]
fn a_stopped_stream_closes_its_sockets() {
    let pair = Pair::open(None);
    let mut addresses = Vec::new();
    while addresses.len() < 2 {
        if let Seen::Told(_, Notification::NewCandidateFull { candidate, .. }) = pair.next() {
            addresses.push(address(&candidate));
        }
    }
    for address in &addresses {
        UdpSocket::bind(address).expect_err("a stream has it");
    }
    let Pair {
        sides,
        seen,
        host: _host,
        ..
    } = pair;
    for side in &sides {
        side.send(Message::Stop).expect("its loop keeps up");
    }
    // Both observers are dropped with what their streams had.
    while seen.recv_timeout(PATIENCE).is_ok() {}
    let begun = Instant::now();
    for address in addresses {
        // A process that another test starts has a copy of every socket until it runs its program.
        while let Err(error) = UdpSocket::bind(address) {
            assert!(begun.elapsed() < PATIENCE, "{address}: {error}");
            std::thread::yield_now();
        }
    }
}

/// A peer that sends data before it has answered a check of ours: its address is not known to be its own yet.
#[test]
fn data_that_came_early_is_received_as_all_other_is() {
    const PEER: (&str, &str) = ("peer", "aPasswordOfThePeersOwn00");
    let pair = Pair::open(None);
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    peer.set_read_timeout(Some(PATIENCE)).expect("it can");
    let introduce = Message::SetRemoteCredentials {
        credentials: format!("{} {}", PEER.0, PEER.1),
        generation: None,
    };
    pair.sides[1].send(introduce).expect("its loop keeps up");
    let (mut credentials, mut at) = (None, None);
    while credentials.is_none() || at.is_none() {
        match pair.seen.recv_timeout(PATIENCE).expect("it gathers") {
            Seen::Told(
                1,
                Notification::LocalCredentials {
                    credentials: it, ..
                },
            ) => {
                credentials = Some(it);
            }
            Seen::Told(1, Notification::NewCandidateFull { candidate, .. }) => {
                at = Some(address(&candidate));
            }
            _ => {}
        }
    }
    let (credentials, at) = (credentials.expect("told"), at.expect("told"));
    let (ufrag, pwd) = credentials.split_once(' ').expect("it is both");
    let send = |datagram: &[u8]| {
        let sent = peer.send_to(datagram, at);
        assert_eq!(sent.expect("loopback takes it"), datagram.len());
    };
    let username = format!("{ufrag}:{}", PEER.0);
    let check = StunMessage::binding_request(&username, TransId::new(), true, 1, 1 << 24, true);
    send(&authentic(check, pwd));
    let early: [&[u8]; 3] = [b"one", b"two", b"three"];
    for datagram in early {
        send(datagram);
    }
    // The answer to it, and then a check of its own.
    let mut buffer = [0; 2048];
    loop {
        let length = peer.recv(&mut buffer).expect("it is checked");
        let message = StunMessage::parse(&buffer[..length]).expect("nothing else is sent");
        if message.is_binding_request() {
            let answer = StunMessage::binding_reply(message.trans_id(), at);
            send(&authentic(answer, PEER.1));
            break;
        }
    }
    send(b"four");
    let mut received = Vec::new();
    while received.len() < 4 {
        let seen = pair.seen.recv_timeout(PATIENCE).expect("all of it comes");
        if let Seen::Received(1, datagram) = seen {
            received.push(datagram);
        }
    }
    assert_eq!(received, [early[0], early[1], early[2], b"four"]);
}

/// The address of a candidate line (RFC 8839, section 5.1).
fn address(candidate: &str) -> SocketAddr {
    let fields: Vec<_> = candidate.split(' ').collect();
    let address = format!("{}:{}", fields[4], fields[5]);
    address.parse().expect("host candidates have addresses")
}

#[test]
fn s26_sockets_keep_to_their_port_range() {
    let range = 42_000..=42_999;
    let pair = Pair::open(Some(range.clone()));
    let mut candidates = Vec::new();
    while candidates.len() < 2 {
        if let Seen::Told(_, Notification::NewCandidateFull { candidate, .. }) = pair.next() {
            candidates.push(candidate);
        }
    }
    for candidate in candidates {
        let port = address(&candidate).port();
        assert!(range.contains(&port), "{candidate}");
    }
}

/// Asks both sides for a key, and returns what comes.
fn export(pair: &Pair, label: &str, context: Option<&[u8]>, length: usize) -> [Vec<u8>; 2] {
    for side in &pair.sides {
        let asked = side.export_key(1, label, context, length);
        asked.expect("its loop keeps up");
    }
    let mut keys = [const { None }; 2];
    while keys.iter().any(Option::is_none) {
        if let Seen::Told(side, Notification::ExportedKey { label: of, key, .. }) = pair.next() {
            assert_eq!((of.as_str(), key.len()), (label, length));
            keys[side] = Some(key.to_vec());
        }
    }
    keys.map(|key| key.expect("both have come"))
}

#[test]
fn s24_both_sides_export_the_same_keys_from_their_event_loops() {
    for (plugin, length) in [("dtls-srtp", 88), ("dtls-openssl", 88)] {
        if let Err(lacking) = handclasp_tests::built(plugin) {
            handclasp_tests::skip("keys exported over sockets", &lacking);
            continue;
        }
        let pair = Pair::of(plugin, vec![plugins()], 2, None);
        pair.connect();
        let [a, b] = export(&pair, "EXTRACTOR-dtls_srtp", None, length);
        assert_eq!(a, b);
        if plugin == "dtls-openssl" {
            let asked = [("EXPORTER-one", None), ("EXPORTER-one", Some(&b"x"[..]))];
            let [one, other] = asked.map(|(label, context)| {
                let [a, b] = export(&pair, label, context, 32);
                assert_eq!(a, b);
                a
            });
            assert_ne!(one, other);
        }
    }
}

/// A bridge with a port, a virtual cable, and one interface that leads elsewhere; the last argument is what to run where
/// the system shows them.
const INTERFACES: &str = r#"
    ip link add lan0 type bridge
    ip link add p0 type veth peer name p1
    ip link set p0 master lan0
    ip link add c0 type veth peer name c1
    ip link add up0 link c1 type macvlan
    ip address add 10.1.0.1/24 dev lan0
    ip address add 10.2.0.1/24 dev c0
    ip address add 10.3.0.1/24 dev up0
    for name in p0 p1 lan0 c0 c1 up0; do ip link set $name up; done
    for name in lan0 c0 up0; do
        tries=0
        until ip -o link show $name | grep -q "state UP"; do
            tries=$((tries + 1))
            [ $tries -lt 300 ]
            sleep 0.1
        done
    done
"#;

#[test]
fn interfaces_are_allowed_denied_and_left_out_if_they_are_virtual() {
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(lacking) => return skip("interfaces by lists", &lacking),
    };
    namespace.run(INTERFACES);
    let mut inside = Command::new("unshare");
    let shown = r#"mount -t sysfs sysfs /sys && exec "$@""#;
    inside.args(["--mount", "sh", "-ec", shown, "sh"]);
    inside.arg(current_exe().expect("a test is run from a file"));
    inside.args(["--exact", "addresses_of_interfaces", "--ignored"]);
    let output = namespace.inside(&inside).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "the test above runs it in a network of its own"]
fn addresses_of_interfaces() {
    let (lan, cable, uplink) = ("10.1.0.1", "10.2.0.1", "10.3.0.1");
    let any = || BindOptions::new().family(Family::V4);
    let real = || any().virtual_interfaces(false);
    for (bind_options, expected) in [
        (any(), &[lan, cable, uplink][..]),
        (real(), &[uplink]),
        (real().interfaces(["c0", "up*"]), &[cable, uplink]),
        (real().interfaces(["c?", "up*"]), &[uplink]),
        (real().deny_interfaces(["up0"]), &[lan, cable]),
        (
            any().deny_interfaces(["*0"]).interfaces(["lo"]),
            &["127.0.0.1"],
        ),
        (any().interfaces(["l*"]), &[lan]),
        (any().interfaces(["?0"]), &[cable]),
    ] {
        let described = format!("{bind_options:?}");
        assert_eq!(addresses(bind_options), expected, "{described}");
    }
}

/// The addresses that the peer of a stream is told, in their order.
fn addresses(bind_options: BindOptions) -> Vec<String> {
    let plugins = SearchPath::from_dirs(vec![plugins()]).expect("they are built");
    let host_options = HostOptions::new(plugins).scanner(Scanner::none()).loops(1);
    let host = Host::new(host_options).expect("a host");
    let (application, events) = handclasp::channel();
    let stream = host.open(StreamOptions::new("none").bind(bind_options), application);
    let _stream = stream.unwrap_or_else(|error| panic!("{error}"));
    let mut addresses = Vec::new();
    loop {
        let (_, event) = events
            .recv_timeout(PATIENCE)
            .expect("in time")
            .expect("it goes on");
        match event {
            Event::Notification(Notification::NewCandidateFull { candidate, .. }) => {
                let address = candidate.split(' ').nth(4);
                addresses.extend(address.map(str::to_owned));
            }
            Event::Notification(Notification::CandidateGatheringDone) => return addresses,
            Event::Notification(Notification::ComponentStateFailed { reason, .. }) => {
                return vec![reason.to_string()];
            }
            _ => {}
        }
    }
}
