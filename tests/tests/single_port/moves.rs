//! Streams that move to the event loop at which their peer's datagrams arrive, while data flows.
use crate::alone;
use crate::streams::{End, PATIENCE};
use handclasp::plugin::{Role, Scanner, SearchPath};
use handclasp::stream::Message;
use handclasp::stream::{Notification, Refused};
use handclasp::{Application, Context, Host, HostOptions, StreamHandle, StreamOptions, StreamRef};
use handclasp_tests::plugins;
use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// Pairs at a time, and how often: half of the servers move where there are two loops.
pub(crate) const PAIRS: usize = 24;
const ROUNDS: usize = 8;
/// Datagrams each way of a pair, and how many of them are under way: a socket's buffer holds those of all pairs.
const DATAGRAMS: u32 = 200;
const WINDOW: u32 = 4;
/// Numbered messages to each server meanwhile.
const MESSAGES: u64 = 50;

/// What is reported of an end.
pub(crate) enum Report {
    /// A server has a pair: the moment at which it moves.
    Selected(usize),
    /// All datagrams have come, in order.
    Complete,
    /// All messages were answered, in order.
    Answered,
    Stopped,
    Wrong(String),
}

/// When a server stops itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopAt {
    Never,
    Selected,
    Ready,
    /// With the datagram of this number.
    Datagram(u32),
}

/// Who hears each end's signalling.
type Ends = Arc<Mutex<[Option<StreamRef>; 2]>>;

struct Flow {
    number: usize,
    end: End,
    ends: Ends,
    early: Vec<Message>,
    reports: Sender<Report>,
    sent: u32,
    received: u32,
    answered: u64,
    stop_at: StopAt,
}

impl Flow {
    fn report(&self, report: Report) {
        // The test may be over.
        let _ = self.reports.send(report);
    }

    fn tell(&mut self, message: Message) {
        self.early.push(message);
        let ends = self.ends.lock().expect("nothing panics there");
        if let Some(other) = &ends[self.end.other() as usize] {
            for message in self.early.drain(..) {
                let _ = other.send(message); // it may have stopped
            }
        }
    }

    fn send_next(&mut self, context: &mut Context<'_>) {
        if self.sent == DATAGRAMS {
            return;
        }
        let mut datagram = vec![0x80, self.end as u8];
        datagram.extend((self.number as u32).to_be_bytes());
        datagram.extend(self.sent.to_be_bytes());
        datagram.resize(100, 7);
        self.sent += 1;
        match self.end {
            // By its inbox, which moves with it.
            End::Server => drop(context.stream().send_payload(1, &datagram)),
            End::Peer => context.reply(1, &datagram),
        }
    }

    fn stop_if(&self, context: &Context<'_>, now: StopAt) {
        if self.end == End::Server && self.stop_at == now {
            context.stream().stop();
        }
    }
}

impl Application for Flow {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        let role = match self.end {
            End::Server => Role::Initiator,
            End::Peer => Role::Responder,
        };
        match notification {
            Notification::NewSelectedPair { .. } => {
                self.stop_if(context, StopAt::Selected);
                if self.end == End::Server {
                    self.report(Report::Selected(self.number));
                }
            }
            Notification::ComponentStateReady { .. } => {
                self.stop_if(context, StopAt::Ready);
                for _ in 0..WINDOW {
                    self.send_next(context);
                }
            }
            Notification::ComponentStateFailed { reason, .. } if self.stop_at == StopAt::Never => {
                self.report(Report::Wrong(reason.to_string()));
            }
            Notification::CouldNotSendPayload { reason, .. } if self.stop_at == StopAt::Never => {
                self.report(Report::Wrong(reason));
            }
            Notification::Stopped => self.report(Report::Stopped),
            other => {
                if let Some(message) = other.for_peer(role) {
                    self.tell(message);
                }
            }
        }
    }

    fn receive(&mut self, context: &mut Context<'_>, _: u16, datagram: &[u8]) {
        let mut expected = vec![0x80, self.end.other() as u8];
        expected.extend((self.number as u32).to_be_bytes());
        expected.extend(self.received.to_be_bytes());
        expected.resize(100, 7);
        if datagram != expected {
            let (number, end, received) = (self.number, self.end, self.received);
            let wrong = format!("{number}, {end:?}: {datagram:?}, not number {received}");
            return self.report(Report::Wrong(wrong));
        }
        self.stop_if(context, StopAt::Datagram(self.received));
        self.received += 1;
        if self.received == DATAGRAMS {
            self.report(Report::Complete);
        }
        self.send_next(context);
    }

    fn answer(&mut self, _: &mut Context<'_>, number: Option<u64>, _: Result<(), Refused>) {
        let Some(number) = number else {
            return;
        };
        if number != self.answered {
            let answered = self.answered;
            return self.report(Report::Wrong(format!("answer {number}, not {answered}")));
        }
        self.answered += 1;
        if self.answered == MESSAGES {
            self.report(Report::Answered);
        }
    }
}

pub(crate) fn host_options() -> HostOptions {
    let plugins = SearchPath::from_dirs(vec![plugins()]).expect("they are built");
    HostOptions::new(plugins).scanner(Scanner::none())
}

fn host(loops: usize) -> Host {
    Host::new(host_options().loops(loops)).expect("a host")
}

/// Pairs that send as soon as they are ready, and what is reported of them.
pub(crate) fn open(
    host: &Host,
    plugin: &str,
    stop_at: impl Fn(usize) -> StopAt,
) -> (Vec<[StreamHandle; 2]>, Receiver<Report>) {
    let (reports, reported) = channel();
    let open = |number, end: End, ends: &Ends| {
        let options = StreamOptions::new(plugin)
            .controlling(end == End::Peer)
            .listen(true)
            .bind(end.bind(Ipv4Addr::LOCALHOST.into()));
        let flow = Flow {
            number,
            end,
            ends: Arc::clone(ends),
            early: Vec::new(),
            reports: reports.clone(),
            sent: 0,
            received: 0,
            answered: 0,
            stop_at: stop_at(number),
        };
        host.open(options, flow).expect("a stream opens")
    };
    let pair = |number| {
        let ends = Ends::default();
        // What either says before both can be told waits behind this.
        let mut told = ends.lock().expect("nothing panics there");
        let pair = End::BOTH.map(|end| open(number, end, &ends));
        *told = [Some(pair[0].downgrade()), Some(pair[1].downgrade())];
        drop(told);
        pair
    };
    ((0..PAIRS).map(pair).collect(), reported)
}

#[test]
fn no_datagram_is_lost_or_overtaken_where_streams_move_and_messages_are_answered_in_order() {
    let _alone = alone();
    for loops in [1, 2, 4] {
        let host = host(loops);
        for round in 0..ROUNDS {
            let plugin = if round % 2 == 0 { "none" } else { "dtls-srtp" };
            let (pairs, reported) = open(&host, plugin, |_| StopAt::Never);
            let (mut complete, mut answered) = (0, 0);
            while complete < 2 * PAIRS || answered < PAIRS {
                let report = reported.recv_timeout(PATIENCE);
                match report.expect("all arrives, and all is answered") {
                    Report::Selected(number) => {
                        let server = &pairs[number][End::Server as usize];
                        for number in 0..MESSAGES {
                            let sent = server.send_numbered(number, Message::GenerateLocalSdp);
                            sent.expect("there is room");
                        }
                        assert_eq!(server.flush(), Ok(()));
                    }
                    Report::Complete => complete += 1,
                    Report::Answered => answered += 1,
                    Report::Stopped => panic!("nothing ends"),
                    Report::Wrong(wrong) => panic!("{loops} loops, round {round}: {wrong}"),
                }
            }
        }
        let handovers = host.handovers();
        println!("{loops} loops: {handovers:?}");
        assert_eq!(handovers.dropped, 0);
        match loops {
            1 => assert_eq!(handovers.moves, 0),
            // Half of them are to, or more.
            _ => assert!(
                handovers.moves >= (ROUNDS * PAIRS / 4) as u64,
                "{handovers:?}"
            ),
        }
    }
}

#[test]
fn streams_that_end_around_their_move_hear_it_once_whenever_that_is() {
    let _alone = alone();
    for loops in [2, 4] {
        let host = host(loops);
        for round in 0..ROUNDS {
            let stop_at = |number: usize| match number % 4 {
                0 => StopAt::Selected,
                1 => StopAt::Ready,
                _ => StopAt::Datagram((number * ROUNDS + round) as u32 % DATAGRAMS),
            };
            let (pairs, reported) = open(&host, "none", stop_at);
            let mut stopped = 0;
            while stopped < PAIRS {
                match reported.recv_timeout(PATIENCE).expect("all servers end") {
                    Report::Stopped => stopped += 1,
                    Report::Wrong(wrong) => panic!("{wrong}"),
                    _ => {}
                }
            }
            drop(pairs);
            // The other ends; after them nobody is left who could report.
            let rest = reported.iter().filter(|it| matches!(it, Report::Stopped));
            assert_eq!(rest.count(), PAIRS, "each once");
        }
    }
}

#[test]
fn a_host_that_ends_while_streams_move_ends_all_of_them() {
    let _alone = alone();
    for after in (0..2 * PAIRS).step_by(5) {
        let host = host(3);
        let (pairs, reported) = open(&host, "none", |_| StopAt::Never);
        let selected = reported
            .iter()
            .filter(|it| matches!(it, Report::Selected(_)));
        assert_eq!(selected.take(after.min(PAIRS)).count(), after.min(PAIRS));
        host.shutdown(PATIENCE).expect("it ends");
        drop(pairs);
        let rest = reported.iter().filter(|it| matches!(it, Report::Stopped));
        assert_eq!(rest.count(), 2 * PAIRS, "each hears its end once");
    }
}
