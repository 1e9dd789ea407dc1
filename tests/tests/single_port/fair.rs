//! What an insider's flood costs the other streams on its port.
use crate::alone;
use crate::streams::{End, PATIENCE, Report, Streams};
use handclasp_tests::binding_request;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Stream 0 talks; the peer of stream 1 floods.
const STREAMS: usize = 2;
const INSIDER: usize = 1;
const ROUNDS: usize = 250;
/// Datagrams between two of the stream's: a socket's buffer holds that much anywhere.
const BURST: usize = 200;
/// How much more of the loop's time one of an insider's requests may take than a datagram that is for nobody.
const TIMES: u32 = 4;
/// So many are looked at besides, at first and in each second (`handclasp::ice`, "budget"), and so long each.
const LOOKED_AT: (u32, u32, Duration) = (200, 400, Duration::from_micros(50));

/// The time that the event loops have had a processor for.
fn loop_time() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("Linux has it");
    let is_loop = |path: &std::path::PathBuf| {
        let name = fs::read_to_string(path.join("comm"));
        name.is_ok_and(|name| name.starts_with("handclasp-loop"))
    };
    let loops = threads
        .flatten()
        .map(|thread| thread.path())
        .filter(is_loop);
    let spent = loops.map(|path| {
        let spent = fs::read_to_string(path.join("schedstat")).expect("it runs");
        let nanos = spent.split(' ').next().and_then(|word| word.parse().ok());
        Duration::from_nanos(nanos.expect("its first word is a number"))
    });
    spent.sum()
}

/// The loop's time for bursts of these datagrams, each followed by one of stream 0's each way, which arrives; and how
/// many of them are answered.
fn cost(streams: &mut Streams, server: SocketAddr, datagrams: &[Vec<u8>]) -> (Duration, u32) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_nonblocking(true).expect("it is ours");
    let mut answers = 0;
    let begun = loop_time();
    for round in 0..ROUNDS {
        for datagram in datagrams.iter().cycle().skip(round * BURST).take(BURST) {
            socket.send_to(datagram, server).expect("loopback takes it");
        }
        for from in End::BOTH {
            let content = format!("\u{80}{round} from {from:?}").into_bytes();
            streams.send(0, from, 1, &content);
            loop {
                match streams.report_within(PATIENCE) {
                    Some(Some((0, _, Report::Received(_, datagram)))) => {
                        assert_eq!(datagram, content);
                        break;
                    }
                    Some(_) => {}
                    None => panic!("nothing arrives from {from:?} in round {round}"),
                }
            }
        }
        answers += std::iter::from_fn(|| socket.recv(&mut [0; 1500]).ok()).count();
    }
    (loop_time() - begun, u32::try_from(answers).expect("few"))
}

#[test]
#[cfg(target_os = "linux")]
fn an_insiders_flood_leaves_the_others_their_turns() {
    let _alone = alone();
    for loops in [1, 2] {
        flood(loops);
    }
}

#[cfg(target_os = "linux")]
fn flood(loops: usize) {
    let mut streams = Streams::open(loops, "none", STREAMS);
    let (mut server, mut ready) = (None, 0);
    while ready < 2 * STREAMS {
        match streams.next() {
            (_, End::Server, Report::Selected(_, local)) => server = Some(local),
            (_, _, Report::Ready(..)) => ready += 1,
            _ => {}
        }
    }
    let server = server.expect("ready streams have pairs");
    let (ufrag, pwd) = streams.credentials(INSIDER, End::Server);
    let (peer, _) = streams.credentials(INSIDER, End::Peer);
    let username = format!("{ufrag}:{peer}");
    // Each of them new: copies cost next to nothing.
    let request = |_| binding_request(&username, pwd, true);
    let requests: Vec<_> = (0..ROUNDS * BURST).map(request).collect();
    let nothing = vec![vec![0x80; requests[0].len()]];
    let (base, _) = cost(&mut streams, server, &nothing);
    let began = Instant::now();
    let (flood, answers) = cost(&mut streams, server, &requests);
    let (first, in_a_second, each) = LOOKED_AT;
    let seconds = u32::try_from(began.elapsed().as_secs()).expect("few") + 1;
    let most = first + in_a_second * seconds;
    let looked_at = each * most;
    assert!(
        (1..=most).contains(&answers),
        "{answers} answers, {most} are the most"
    );
    println!("{base:?} for datagrams to nobody, {flood:?} for an insider's requests");
    assert!(
        flood < base * TIMES + looked_at,
        "{flood:?} rather than {base:?} and {looked_at:?}"
    );
}
