//! Pairs of streams that are opened, connected, and stopped once they are ready, on several connections at once.
use super::cores::stand_back;
use handclasp_tests::Daemon;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// When pairs are opened.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// One when another has ended.
    AsTheyEnd,
    /// So many each second, whatever becomes of them.
    EachSecond(f64),
}

/// Connections, and on each the pairs under way where one is opened when another has ended, and those that are asked for
/// in one batch where they are not.
const CONNECTIONS: usize = 4;
const UNDER_WAY: u64 = 16;
const BATCH: u64 = 8;
/// How long the daemon may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// What has come of all that was asked for.
#[derive(Debug, Default)]
pub(super) struct Opens {
    asked: u64,
    /// Pairs whose streams became ready.
    pub(super) ready: u64,
    /// Pairs of which that is so, and which have ended before no more were asked for.
    pub(super) ended_in_time: u64,
    /// By kind.
    refused: BTreeMap<String, u64>,
    /// How long answers and pairs took, in microseconds.
    answers: Vec<u32>,
    pairs: Vec<u32>,
}

impl Opens {
    pub(super) fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.ready += other.ready;
        self.ended_in_time += other.ended_in_time;
        self.answers.extend(other.answers);
        self.pairs.extend(other.pairs);
        for (kind, count) in other.refused {
            *self.refused.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for Opens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |took: &[u32], percent: usize| {
            let mut took = took.to_vec();
            took.sort_unstable();
            took.get((took.len() * percent / 100).min(took.len().saturating_sub(1)))
                .map_or(0.0, |micros| f64::from(*micros) / 1e3)
        };
        write!(
            f,
            "{} opens asked for, {} pairs ready, refused: {:?}; answers took {:.1} ms, {:.1} at the 99th percentile; \
             pairs {:.1} ms, {:.1}",
            self.asked,
            self.ready,
            self.refused,
            at(&self.answers, 50),
            at(&self.answers, 99),
            at(&self.pairs, 50),
            at(&self.pairs, 99),
        )
    }
}

/// Opens pairs for so long, and waits until all have ended.
pub(super) fn run(daemon: &Daemon, pace: Pace, time: Duration) -> Opens {
    let end = Instant::now() + time;
    let mut all = Opens::default();
    thread::scope(|scope| {
        if let Pace::EachSecond(_) = pace {
            scope.spawn(|| leave(daemon.socket(), end));
        }
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|number| scope.spawn(move || connection(daemon.socket(), number, pace, end)))
            .collect();
        for connection in connections {
            all.add(connection.join().expect("all is told"));
        }
    });
    all
}

/// Programs that ask for streams in one batch, read nothing, and are gone in the middle of a line, one after the other.
fn leave(socket: &Path, end: Instant) {
    stand_back();
    while Instant::now() < end {
        let mut output = UnixStream::connect(socket).expect("the daemon listens");
        let batch = "{\"request\":\"open\"}\n".repeat(32) + "{\"request\":\"op";
        let written = output.write_all(batch.as_bytes());
        written.expect("the daemon reads");
        thread::sleep(Duration::from_millis(50));
    }
}

/// What is to be written.
enum Say {
    Line(String),
    Pair(u64),
}

fn connection(socket: &Path, number: usize, pace: Pace, end: Instant) -> Opens {
    stand_back();
    let output = UnixStream::connect(socket).expect("the daemon listens");
    let input = output.try_clone().expect("there are files left");
    input
        .set_read_timeout(Some(PATIENCE))
        .expect("it is some time");
    let (say, said) = channel();
    let (began, begun) = channel();
    thread::scope(|scope| {
        let _hang_up = HangUp(output.try_clone().expect("there are files left"));
        let writer = Writer {
            output,
            number,
            end,
            began: Some(began),
        };
        match pace {
            Pace::AsTheyEnd => {
                for pair in 0..UNDER_WAY {
                    say.send(Say::Pair(pair)).expect("it is read");
                }
                scope.spawn(move || writer.write_as_they_end(&said));
            }
            Pace::EachSecond(rate) => {
                let between = CONNECTIONS as f64 * BATCH as f64 / rate;
                let between = Duration::from_secs_f64(between);
                scope.spawn(move || writer.write_each_second(between, &said));
            }
        }
        let next = matches!(pace, Pace::AsTheyEnd).then_some(UNDER_WAY);
        let reader = Reader {
            number,
            end,
            say,
            begun,
            next,
            pairs: HashMap::new(),
            is_last: false,
            opens: Opens::default(),
        };
        reader.read(input)
    })
}

/// Ends a connection, also where its reader has panicked: its writer would wait for ever.
struct HangUp(UnixStream);

impl Drop for HangUp {
    fn drop(&mut self) {
        let _ = self.0.shutdown(Shutdown::Both); // the daemon may have done so
    }
}

/// Writes, whatever is read meanwhile: one that waited for the other would wait for ever.
struct Writer {
    output: UnixStream,
    number: usize,
    end: Instant,
    /// Told which pairs are asked for, and when, until no more are.
    began: Option<Sender<(u64, Instant)>>,
}

impl Writer {
    fn write_as_they_end(mut self, said: &Receiver<Say>) {
        for say in said {
            self.end_in_time();
            match say {
                Say::Line(line) => self.write(&line),
                Say::Pair(pair) => self.open(pair..pair + 1),
            }
        }
    }

    fn write_each_second(mut self, between: Duration, said: &Receiver<Say>) {
        let (mut due, mut pair) = (Instant::now(), 0);
        loop {
            self.end_in_time();
            if Instant::now() >= due {
                self.open(pair..pair + BATCH);
                pair += BATCH;
                due += between;
            }
            match said.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Say::Line(line)) => self.write(&line),
                Ok(Say::Pair(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// No more pairs are asked for at the end; the answer to what is asked then comes behind those of all before.
    fn end_in_time(&mut self) {
        if Instant::now() >= self.end && self.began.take().is_some() {
            self.write("{\"request\":\"status\"}\n");
        }
    }

    fn open(&mut self, pairs: std::ops::Range<u64>) {
        let Some(began) = &self.began else {
            return;
        };
        let mut lines = String::new();
        for pair in pairs {
            let number = self.number;
            for side in 0..2 {
                let (id, is_first) = (2 * pair + side, side == 0);
                let _ = writeln!(
                    lines,
                    r#"{{"request":"open","id":{id},"name":"{number}.{id}","controlling":{is_first},"own_ports":{}}}"#,
                    !is_first
                );
            }
            began.send((pair, Instant::now())).expect("it is read");
        }
        self.write(&lines);
    }

    fn write(&mut self, lines: &str) {
        let written = self.output.write_all(lines.as_bytes());
        written.expect("the daemon reads");
    }
}

/// What matters of what the daemon says.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    event: Option<&'a str>,
    response: Option<&'a str>,
    id: Option<u64>,
    stream: Option<&'a str>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    kind: Option<&'a str>,
    retry_after: Option<f64>,
}

/// A pair of streams.
struct Pair {
    began: Instant,
    answered: usize,
    opened: Vec<u64>,
    ready: usize,
    ended: usize,
}

struct Reader {
    number: usize,
    end: Instant,
    say: Sender<Say>,
    begun: Receiver<(u64, Instant)>,
    /// The pair that is opened when another has ended.
    next: Option<u64>,
    pairs: HashMap<u64, Pair>,
    /// No more are asked for.
    is_last: bool,
    opens: Opens,
}

impl Reader {
    fn read(mut self, input: UnixStream) -> Opens {
        let mut input = BufReader::with_capacity(1 << 16, input);
        let mut text = Vec::new();
        while !self.is_last || !self.pairs.is_empty() {
            text.clear();
            let read = input.read_until(b'\n', &mut text);
            read.expect("the daemon answers");
            let line = serde_json::from_slice(&text).expect("each line is JSON");
            self.take(&line);
        }
        self.opens
    }

    /// Learns which pairs were asked for.
    fn learn(&mut self) {
        while let Ok((pair, began)) = self.begun.try_recv() {
            self.opens.asked += 2;
            let new = Pair {
                began,
                answered: 0,
                opened: Vec::new(),
                ready: 0,
                ended: 0,
            };
            self.pairs.insert(pair, new);
        }
    }

    fn take(&mut self, line: &Line<'_>) {
        match (line.response, line.event) {
            (Some("open"), _) => self.answered(line),
            (Some("status"), _) => {
                self.learn();
                self.is_last = true;
            }
            (Some(_), _) => assert!(line.error.is_none(), "{line:?}"),
            (_, Some("component_state_ready")) => self.ready(id_of(line)),
            (_, Some("stopped")) => self.ended(id_of(line)),
            (_, Some(event @ ("component_state_failed" | "error" | "warning"))) => {
                panic!("{event}: {:?} {:?}", line.error, line.reason)
            }
            _ => {}
        }
    }

    fn answered(&mut self, line: &Line<'_>) {
        let id = line.id.expect("it was asked with one");
        if !self.pairs.contains_key(&(id / 2)) {
            self.learn();
        }
        let pair = self.pairs.get_mut(&(id / 2)).expect("it was asked for");
        self.opens
            .answers
            .push(u32::try_from(pair.began.elapsed().as_micros()).unwrap_or(u32::MAX));
        pair.answered += 1;
        match &line.error {
            None => pair.opened.push(id),
            Some(error) => {
                let kind = line.kind.expect("a refusal has a kind");
                let is_whole = !error.is_empty() && line.retry_after.is_some_and(|wait| wait > 0.0);
                assert!(is_whole, "{line:?}");
                *self.opens.refused.entry(kind.to_owned()).or_default() += 1;
            }
        }
        if pair.answered < 2 {
            return;
        }
        let number = self.number;
        match pair.opened[..] {
            [one, other] => {
                let line = format!(
                    "{{\"request\":\"connect\",\"stream\":\"{number}.{one}\",\"peer\":\"{number}.{other}\"}}\n"
                );
                self.say(line);
            }
            [one] => self.stop(one),
            _ => self.over(id / 2),
        }
    }

    fn ready(&mut self, id: u64) {
        let pair = self.pairs.get_mut(&(id / 2)).expect("it runs");
        pair.ready += 1;
        if pair.ready == 2 {
            let took = pair.began.elapsed();
            self.opens
                .pairs
                .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
            self.opens.ready += 1;
            self.stop(2 * (id / 2));
            self.stop(2 * (id / 2) + 1);
        }
    }

    fn ended(&mut self, id: u64) {
        let pair = self.pairs.get_mut(&(id / 2)).expect("it runs");
        pair.ended += 1;
        if pair.ended == pair.opened.len() {
            if pair.ready == 2 && Instant::now() < self.end {
                self.opens.ended_in_time += 1;
            }
            self.over(id / 2);
        }
    }

    fn over(&mut self, pair: u64) {
        self.pairs.remove(&pair);
        if let Some(next) = &mut self.next {
            let _ = self.say.send(Say::Pair(*next)); // it may write no more
            *next += 1;
        }
    }

    fn stop(&self, id: u64) {
        let number = self.number;
        self.say(format!(
            "{{\"stream\":\"{number}.{id}\",\"message\":\"stop\"}}\n"
        ));
    }

    fn say(&self, line: String) {
        self.say.send(Say::Line(line)).expect("it writes");
    }
}

/// Which one it is about.
fn id_of(line: &Line<'_>) -> u64 {
    let name = line.stream.expect("it names its stream");
    let (_, id) = name.split_once('.').expect("it was named so");
    id.parse().expect("it was named so")
}
