//! What the threads and the applications share in one round.
use super::datagram::{COMPONENTS, Way};
use super::messages;
use super::pair::Pair;
use super::peer::Peer;
use super::record::Record;
use super::totals::{PLUGINS, Totals};
use fastrand::Rng;
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::stream::Message;
use handclasp::{
    BindOptions, ChannelApplication, Host, HostOptions, KeyLog, Loss, StreamHandle, StreamOptions,
    StreamRef,
};
use std::env::consts::DLL_SUFFIX;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Hosts at a time.
pub(super) const HOSTS: usize = 3;
/// Streams at a time, about.
const MOST: usize = 240;
/// Streams at a time that any thread may reach.
const REACHED: usize = 128;

/// What the threads and the applications share in one round.
pub(super) struct World {
    pub(super) totals: Arc<Totals>,
    directory: PathBuf,
    /// Which of them are there.
    plugins: Vec<usize>,
    scratch: TempDir,
    hosts: Mutex<Vec<Host>>,
    reached: Mutex<Vec<Reach>>,
    records: Mutex<Vec<Arc<Record>>>,
    channels: Mutex<Vec<ChannelApplication>>,
    next: AtomicU64,
    is_over: AtomicBool,
}

/// A stream of somebody's.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) stream: StreamRef,
    pub(super) record: Arc<Record>,
    pub(super) pair: Arc<Pair>,
    pub(super) side: usize,
}

/// A stream of one's own.
pub(super) struct Held {
    pub(super) handle: StreamHandle,
    pub(super) reach: Reach,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(directory: PathBuf, totals: Arc<Totals>) -> Self {
        Self {
            totals,
            plugins: built(&directory),
            directory,
            scratch: tempfile::tempdir().expect("the temporary directory is writable"),
            hosts: Mutex::default(),
            reached: Mutex::default(),
            records: Mutex::default(),
            channels: Mutex::default(),
            next: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// A number that nobody else has.
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(super) fn make_host(&self, random: &mut Rng) -> Host {
        let plugins = SearchPath::from_dirs(vec![self.directory.clone()]).expect("they are built");
        let file = format!("keys-{}", self.number());
        let key_log = random
            .bool()
            .then(|| KeyLog::open(&self.scratch.path().join(file)).expect("it is a new file"));
        let options = HostOptions::new(plugins).scanner(Scanner::none());
        self.totals.hosts.add();
        let options = options.loops(random.usize(1..=4)).key_log(key_log);
        Host::new(options).expect("the system has threads")
    }

    /// Puts a host in another one's place, or beside them; gives that one to be ended.
    pub(super) fn put_host(&self, host: Host, random: &mut Rng) -> Option<Host> {
        let mut hosts = lock(&self.hosts);
        if hosts.len() < HOSTS {
            hosts.push(host);
            return None;
        }
        let index = random.usize(..hosts.len());
        Some(std::mem::replace(&mut hosts[index], host))
    }

    pub(super) fn take_hosts(&self) -> Vec<Host> {
        std::mem::take(&mut lock(&self.hosts))
    }

    /// A clone of one of the hosts.
    pub(super) fn host(&self, random: &mut Rng) -> Option<Host> {
        random.choice(lock(&self.hosts).iter()).cloned()
    }

    /// Any stream, which may have ended.
    pub(super) fn any(&self, random: &mut Rng) -> Option<Reach> {
        random.choice(lock(&self.reached).iter()).cloned()
    }

    pub(super) fn forget_streams(&self) {
        lock(&self.reached).clear();
    }

    pub(super) fn put_channel(&self, application: ChannelApplication) {
        lock(&self.channels).push(application);
    }

    pub(super) fn channel(&self, random: &mut Rng) -> Option<ChannelApplication> {
        random.choice(lock(&self.channels).iter()).cloned()
    }

    pub(super) fn drop_channels(&self) {
        lock(&self.channels).clear();
    }

    /// Stops every stream, and says whether all their applications are gone.
    pub(super) fn stop_all(&self) -> bool {
        let records = lock(&self.records).clone();
        for stream in records.iter().filter_map(|it| it.stream()) {
            stream.stop();
        }
        records.iter().all(|it| it.has_dropped())
    }

    /// What the streams of this round still owe.
    pub(super) fn check_records(&self) {
        for record in lock(&self.records).drain(..) {
            if let Some(fault) = record.fault() {
                self.totals.fault(&fault);
            }
        }
    }

    /// Opens two streams that belong together, unless there are many.
    pub(super) fn open_pair(self: &Arc<Self>, random: &mut Rng) -> Vec<Held> {
        let is_full = self.totals.living() >= MOST || self.is_over();
        let Some(host) = self.host(random).filter(|_| !is_full) else {
            return Vec::new();
        };
        let other_host = self.host(random).filter(|_| random.u8(..3) == 0);
        let hosts = [&host, other_host.as_ref().unwrap_or(&host)];
        let index = *random.choice(&self.plugins).expect("there are some");
        // Both shake the same hands.
        let is_dtls = |index: usize| PLUGINS[index].starts_with("dtls");
        let same = |it: &&usize| is_dtls(**it) == is_dtls(index);
        let others: Vec<_> = self.plugins.iter().filter(same).collect();
        let plugins = [index, **random.choice(&others).expect("there is itself")];
        let components = random.u16(1..=COMPONENTS);
        let pair = Pair::new(self.number(), components, random.u8(..4) == 0);
        let (pair, is_calm) = (Arc::new(pair), random.bool());
        let mut held = Vec::new();
        for side in [0, 1] {
            let record = Arc::<Record>::default();
            lock(&self.records).push(Arc::clone(&record));
            let options = options(random, PLUGINS[plugins[side]], side).components(components);
            let host_too = hosts[side].clone();
            let peer = Peer::new(
                self,
                &pair,
                side,
                plugins[side],
                &record,
                is_calm,
                random,
                host_too,
            );
            self.totals.opened.add();
            let Ok(handle) = hosts[side].open(options, peer) else {
                self.totals.refused.add();
                continue;
            };
            let stream = handle.downgrade();
            record.open(stream.clone());
            pair.connect(side, &stream);
            let pair = Arc::clone(&pair);
            let reach = Reach {
                stream,
                record,
                pair,
                side,
            };
            self.reach(reach.clone(), random);
            held.push(Held { handle, reach });
        }
        held
    }

    fn reach(&self, reach: Reach, random: &mut Rng) {
        let mut reached = lock(&self.reached);
        if reached.len() < REACHED {
            reached.push(reach);
        } else {
            let index = random.usize(..REACHED);
            reached[index] = reach;
        }
    }
}

/// Which of the plugins are there.
pub(super) fn built(directory: &Path) -> Vec<usize> {
    let library = |id| directory.join(format!("{id}{DLL_SUFFIX}"));
    let is_there = |index: &usize| library(PLUGINS[*index]).is_file();
    (0..PLUGINS.len()).filter(is_there).collect()
}

fn options(random: &mut Rng, plugin: &str, side: usize) -> StreamOptions {
    let bind = BindOptions::new()
        .address(Ipv4Addr::LOCALHOST)
        .single_port(random.u8(..4) == 0);
    let mut options = StreamOptions::new(plugin)
        .bind(bind)
        .controlling(side == 0)
        .mtu(random.u16(600..=1400))
        .listen(random.u8(..16) > 0);
    if random.u8(..16) == 0 {
        options = options.loss(Loss::new(5., random.u64(..)));
    }
    if random.u8(..8) == 0 {
        let mut timeout = || Duration::from_millis(random.u64(10..2000));
        options = options
            .init_timeout(timeout())
            .handshake_timeout(timeout())
            .ice_timeout(timeout());
    }
    match random.u16(..64) {
        0 => options.mtu(64),
        1 => options.plugin_option("no-such-option", "value"),
        2 if side == 1 => options.ice_lite(true),
        _ => options,
    }
}

impl Reach {
    /// Says something to the stream, with a number or without.
    pub(super) fn say(&self, world: &World, random: &mut Rng, message: Message) {
        world.totals.messages.add();
        if message == Message::RestartStream {
            world.totals.restarts.add();
        }
        if random.bool() {
            let _ = self.stream.send(message); // it may have ended
            return;
        }
        let number = world.number();
        self.record.expect(number);
        if self.stream.send_numbered(number, message).is_err() {
            self.record.give_up(number);
        }
    }

    pub(super) fn say_anything(&self, world: &World, random: &mut Rng) {
        let message = match random.u8(..8) {
            0 => messages::garbage(random),
            _ => messages::sensible(random),
        };
        self.say(world, random, message);
    }

    /// Sends the peer some datagrams, by way of the stream's inbox.
    pub(super) fn send_datagrams(&self, world: &World, random: &mut Rng) {
        let sender = self.pair.sender(self.side);
        let component_id = random.u16(1..=self.pair.components);
        for _ in 0..random.u8(1..16) {
            let send = |datagram: &[u8]| self.stream.send_payload(component_id, datagram);
            if sender
                .send(Way::Queue, component_id, random.usize(..1500), send)
                .is_err()
            {
                return; // it has ended, or its loop is busy
            }
            world.totals.sent.add();
        }
    }
}
