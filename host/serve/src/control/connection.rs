//! One controller.
use super::lines::{Line, Lines};
use super::response::{Complaint, Failure, Response, Told};
use super::takeover::{Input, Takeover};
use crate::daemon::{Daemon, Opener};
use crate::outbox::{End, Outbox};
use crate::request::{Numbered, Open, Request, Subscribe};
use crate::streams::Entry;
use handclasp::SendError;
use handclasp::control::{self, Addressed, ParseError};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

/// How long what waits may take to be written once nothing more is read.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long a line waits for a stream that has no room for it.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long lines that are there are obeyed before it is the turn of other connections.
const TURN: Duration = Duration::from_micros(100);
/// Bytes that are read at a time.
const READ: usize = 32 << 10;
/// How many streams one line of a response tells of.
const AT_A_TIME: usize = 100;

/// A connection, which drives streams.
pub(super) struct Connection {
    pub(super) daemon: Arc<Daemon>,
    pub(super) outbox: Arc<Outbox>,
    number: u64,
    /// What must be shown before anything is asked.
    token: Option<Arc<str>>,
    /// Those that it has opened or attached; some may have ended, and are gone then.
    streams: HashMap<Arc<str>, Weak<Entry>>,
    /// How many there are before those that have ended are left out.
    sweep_at: usize,
    /// Whether it hears news.
    has_subscribed: bool,
    pub(super) takeover: Takeover,
}

impl Connection {
    pub(super) fn new(
        daemon: Arc<Daemon>,
        outbox: Outbox,
        number: u64,
        token: Option<Arc<str>>,
    ) -> Self {
        Self {
            daemon,
            outbox: Arc::new(outbox),
            number,
            token,
            streams: HashMap::new(),
            sweep_at: 64,
            has_subscribed: false,
            takeover: Takeover::default(),
        }
    }

    /// Serves the peer until it has gone or reads too slowly. Its streams end with it, but for detached ones.
    pub(super) async fn serve(
        mut self,
        input: impl Input,
        output: impl AsyncWrite + Unpin + Send + 'static,
    ) {
        let mut writer = tokio::spawn(write(Arc::clone(&self.outbox), output, self.number));
        let mut lines = Lines::new(BufReader::with_capacity(READ, input));
        let (outbox, daemon) = (Arc::clone(&self.outbox), Arc::clone(&self.daemon));
        let mut turn = Instant::now();
        loop {
            if turn.elapsed() >= TURN {
                yield_now().await;
                turn = Instant::now();
            }
            outbox.room().await;
            let line = tokio::select! {
                line = lines.next() => line,
                () = outbox.ended() => break,
                () = daemon.over() => break,
            };
            let error = match line {
                Ok(Some(Line::Text(text))) => {
                    let text = Zeroizing::new(text.to_owned());
                    let goes_on = self.take(lines.number(), &text).await;
                    if let Some((id, step)) = self.takeover.asked.take() {
                        let unix = lines.input().get_ref().unix();
                        self.pass_place(id.as_ref(), step, unix).await;
                    }
                    match goes_on {
                        true => continue,
                        false => break,
                    }
                }
                Ok(Some(Line::NotUtf8)) => {
                    "the line is not UTF-8: write JSON in UTF-8, and bytes as base64"
                }
                Ok(Some(Line::TooLong)) => "the line is longer than 1 MiB: send shorter ones",
                Ok(None) | Err(_) => break,
            };
            self.outbox.push(&Complaint::of_line(lines.number(), error));
        }
        self.leave_takeover().await;
        self.leave();
        let last_words = async {
            // What its streams say to their end is told as well.
            while self.streams.values().any(|entry| entry.strong_count() > 0) {
                tokio::select! {
                    () = self.daemon.streams.one_has_ended() => {}
                    () = sleep(Duration::from_millis(20)) => {}
                    () = self.outbox.ended() => break,
                }
            }
            self.outbox.finish();
            let _ = (&mut writer).await; // what it could not write nobody reads
        };
        if timeout(LAST_WORDS, last_words).await.is_err() {
            writer.abort();
        }
        self.outbox.finish();
    }

    /// Its streams are left to themselves: they end, or go on if they are detached.
    fn leave(&mut self) {
        let number = self.number;
        let is_own = |entry: &Entry| entry.client == number && !entry.detached;
        for entry in self.streams.values().filter_map(Weak::upgrade) {
            match is_own(&entry) {
                true => entry.stop(),
                false => entry.detach(&self.outbox),
            }
        }
        self.streams
            .retain(|_, entry| entry.upgrade().is_some_and(|entry| is_own(&entry)));
    }

    /// Obeys a line. Returns whether the connection goes on.
    async fn take(&mut self, number: u64, line: &str) -> bool {
        let addressed = Addressed::parse(line);
        if self.token.is_some() {
            return self.authenticate(line, addressed);
        }
        match addressed {
            Ok(Addressed::Request) => self.obey(line).await,
            Ok(Addressed::Stream(stream, Ok(input))) => self.pass_on(number, &stream, input).await,
            Ok(Addressed::Stream(stream, Err(error))) => {
                self.complain(number, Some(&stream), &error);
            }
            Err(error) => self.complain(number, None, &error),
        }
        true
    }

    fn complain(&self, line: u64, stream: Option<&str>, error: &ParseError) {
        self.outbox.push(&Complaint {
            stream,
            line,
            column: Some(error.column),
            error: error.to_string(),
        });
    }

    fn authenticate(&mut self, line: &str, addressed: Result<Addressed, ParseError>) -> bool {
        if let Ok(Addressed::Request) = addressed
            && let Numbered {
                id,
                request: Ok(Request::Authenticate(shown)),
                ..
            } = Numbered::parse(line)
            && self
                .token
                .as_deref()
                .is_some_and(|token| is_equal(token, &shown.token))
        {
            self.token = None;
            self.answer("authenticate", id.as_ref(), &json!({}));
            return true;
        }
        tracing::warn!(
            "connection {} of the control socket does not show the token: it is closed",
            self.number
        );
        let id = Numbered::parse(line).id;
        self.fail(
            "authenticate",
            id.as_ref(),
            &Failure::new(
                "token",
                "the first line must be the request \"authenticate\" with the token",
            ),
        );
        false
    }

    /// A message for a stream.
    async fn pass_on(&self, number: u64, name: &str, input: control::Input) {
        let own = self.streams.get(name).and_then(Weak::upgrade);
        let entry = own.or_else(|| self.daemon.streams.get(name));
        let Some(entry) = entry else {
            let error = "there is no such stream, or it has ended: open it";
            return self.outbox.push(&Complaint {
                stream: Some(name),
                ..Complaint::of_line(number, error)
            });
        };
        let began = Instant::now();
        let error = loop {
            match entry.send(number, &input) {
                // What it does not hear since it has ended causes nothing, and its end is told.
                Ok(()) | Err(SendError::Ended | SendError::HostEnded) => return,
                Err(SendError::Full) if began.elapsed() < PATIENCE => {
                    sleep(Duration::from_millis(1)).await;
                }
                Err(SendError::Full) => {
                    break "the stream has not taken what it was sent before: this was not sent, send less at a time"
                        .to_owned();
                }
                Err(error) => break error.to_string(),
            }
        };
        self.outbox.push(&Complaint {
            stream: Some(name),
            ..Complaint::of_line(number, error)
        });
    }

    async fn obey(&mut self, line: &str) {
        let Numbered { id, name, request } = Numbered::parse(line);
        let id = id.as_ref();
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                return self.fail(name.unwrap_or("error"), id, &Failure::new("request", error));
            }
        };
        let name = name.unwrap_or("error"); // a request has a name
        match request {
            Request::Authenticate(_) => self.answer(name, id, &json!({})),
            Request::Open(open) => self.open(id, &open),
            Request::Attach(one) => match self.daemon.streams.get(&one.stream) {
                Some(entry) => {
                    self.answer(name, id, &entry.status());
                    entry.attach(&self.outbox);
                    self.keep(&entry);
                }
                None => self.no_stream(name, id, &one.stream),
            },
            Request::Connect(connect) => self.connect(id, &connect.stream, &connect.peer),
            Request::Stop(one) => match self.daemon.streams.get(&one.stream) {
                Some(entry) => {
                    entry.stop();
                    self.answer(name, id, &json!({}));
                }
                None => self.no_stream(name, id, &one.stream),
            },
            Request::Streams => self.list(id).await,
            Request::Stream(one) => match self.daemon.streams.get(&one.stream) {
                Some(entry) => self.answer(name, id, &entry.status()),
                None => self.no_stream(name, id, &one.stream),
            },
            Request::Plugins => {
                self.answer(name, id, &json!({"plugins": self.daemon.plugins_status()}))
            }
            Request::Quarantine(one) => {
                match self.daemon.quarantine(&one.plugin, one.reason.as_deref()) {
                    true => self.answer(name, id, &json!({})),
                    false => self.no_plugin(name, id, &one.plugin),
                }
            }
            Request::Release(one) => match self.daemon.release(&one.plugin) {
                true => self.answer(name, id, &json!({})),
                false => {
                    let error = format!("plugin {:?} is not in quarantine", one.plugin);
                    self.fail(name, id, &Failure::new("plugin", error));
                }
            },
            Request::Reload => self.reload(id).await,
            Request::Drain => {
                self.answer(name, id, &json!({"streams": self.daemon.streams.len()}));
                self.daemon.drain();
            }
            Request::Shutdown => {
                self.answer(name, id, &json!({"streams": self.daemon.streams.len()}));
                self.daemon.end();
            }
            Request::Takeover(takeover) => {
                self.takeover.asked = Some((id.cloned(), takeover.step));
            }
            Request::Subscribe(subscribe) => self.subscribe(id, subscribe),
            Request::Status => self.answer(name, id, &self.daemon.status()),
        }
    }

    fn open(&mut self, id: Option<&Value>, open: &Open) {
        if self.streams.len() >= self.daemon.settings().limits.streams_per_client {
            self.sweep();
        }
        let opener = Opener {
            client: self.number,
            outbox: Some(&self.outbox),
            streams: self.streams.len(),
        };
        let outbox = &self.outbox;
        let opened = self.daemon.open(open, &opener, |entry| {
            let body = json!({
                "stream": &*entry.name,
                "plugin": entry.generation.id(),
                "generation": entry.generation.number,
            });
            outbox.push(&Response::new("open", id, &body));
        });
        match opened {
            Ok(entry) => self.keep(&entry),
            Err(refused) => {
                let failure = Failure {
                    retry_after: refused.retry_after().map(|wait| wait.as_secs_f64()),
                    ..Failure::new(refused.kind(), &refused)
                };
                self.fail("open", id, &failure);
            }
        }
    }

    /// It is one of its streams.
    fn keep(&mut self, entry: &Arc<Entry>) {
        self.streams
            .insert(Arc::clone(&entry.name), Arc::downgrade(entry));
        if self.streams.len() >= self.sweep_at {
            self.sweep();
            self.sweep_at = (2 * self.streams.len()).max(64);
        }
    }

    /// Leaves out those that have ended.
    fn sweep(&mut self) {
        self.streams.retain(|_, entry| entry.strong_count() > 0);
    }

    fn connect(&self, id: Option<&Value>, one: &str, other: &str) {
        let streams = &self.daemon.streams;
        let (Some(a), Some(b)) = (streams.get(one), streams.get(other)) else {
            let missing = if streams.get(one).is_none() {
                one
            } else {
                other
            };
            return self.no_stream("connect", id, missing);
        };
        if a.controlling == b.controlling {
            let error = format!(
                "streams {one} and {other} have the same role: open one of them, and not the other, with \"controlling\":true"
            );
            return self.fail("connect", id, &Failure::new("options", error));
        }
        if !a.own_ports && !b.own_ports {
            let error = format!(
                "streams {one} and {other} have the same port, by which their datagrams cannot be told apart: open one \
                 of them with \"own_ports\":true"
            );
            return self.fail("connect", id, &Failure::new("options", error));
        }
        let (Some(to_a), Some(to_b)) = (a.stream(), b.stream()) else {
            return self.no_stream("connect", id, one);
        };
        a.set_peer(to_b);
        b.set_peer(to_a);
        self.answer("connect", id, &json!({}));
    }

    async fn list(&self, id: Option<&Value>) {
        let all = self.daemon.streams.all();
        let parts = all.chunks(AT_A_TIME).count().max(1);
        let mut chunks = all.chunks(AT_A_TIME);
        for part in 1..=parts {
            self.outbox.room().await;
            let statuses: Vec<_> = chunks
                .next()
                .unwrap_or_default()
                .iter()
                .map(|entry| entry.status())
                .collect();
            let body = json!({"streams": statuses, "more": part < parts});
            self.answer("streams", id, &body);
        }
    }

    async fn reload(&self, id: Option<&Value>) {
        let daemon = Arc::clone(&self.daemon);
        let reloaded = tokio::task::spawn_blocking(move || daemon.reload()).await;
        match reloaded {
            Ok(Ok(reloaded)) => self.answer("reload", id, &reloaded),
            Ok(Err(error)) => self.fail("reload", id, &Failure::new("reload", error)),
            Err(error) => self.fail("reload", id, &Failure::new("reload", error)),
        }
    }

    fn subscribe(&mut self, id: Option<&Value>, subscribe: Subscribe) {
        self.answer("subscribe", id, &json!({}));
        if std::mem::replace(&mut self.has_subscribed, true) {
            return; // news are told once
        }
        let outbox = Arc::downgrade(&self.outbox);
        self.daemon.newsroom.subscribe(move |news| {
            let Some(outbox) = outbox.upgrade().filter(|outbox| !outbox.has_ended()) else {
                return false;
            };
            let is_wanted = |names: &Vec<String>| names.iter().any(|name| name == news.name());
            if subscribe.events.as_ref().is_none_or(is_wanted) {
                outbox.push(&Told::new(news));
            }
            true
        });
    }

    fn no_stream(&self, name: &'static str, id: Option<&Value>, stream: &str) {
        let error = format!(
            "there is no stream {stream:?}, or it has ended: `handclasp ctl streams` lists them"
        );
        self.fail(name, id, &Failure::new("stream", error));
    }

    fn no_plugin(&self, name: &'static str, id: Option<&Value>, plugin: &str) {
        let error = format!("there is no plugin {plugin:?}: `handclasp ctl plugins` lists them");
        self.fail(name, id, &Failure::new("plugin", error));
    }

    pub(super) fn answer(&self, name: &'static str, id: Option<&Value>, body: &impl Serialize) {
        self.outbox.push(&Response::new(name, id, body));
    }

    pub(super) fn fail(&self, name: &'static str, id: Option<&Value>, failure: &Failure) {
        self.outbox.push(&Response::new(name, id, failure));
    }
}

/// Writes what is put in, until nothing more is or the peer is gone.
async fn write(outbox: Arc<Outbox>, mut output: impl AsyncWrite + Unpin, number: u64) {
    loop {
        let written = match outbox.next().await {
            Ok(bytes) => output.write_all(&bytes).await,
            Err(End::Finished) => {
                let _ = output.shutdown().await; // the peer may have gone first
                return;
            }
            Err(End::Overrun) => {
                tracing::warn!(
                    "connection {number} of the control socket reads too slowly: it is closed"
                );
                return;
            }
        };
        if written.is_err() {
            return outbox.finish();
        }
    }
}

/// Takes as long whatever the first difference is.
fn is_equal(one: &str, other: &str) -> bool {
    let differences = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differences == 0
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection {}", self.number)
    }
}
