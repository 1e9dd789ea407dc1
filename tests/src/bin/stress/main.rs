//! `stress DIRECTORY SECONDS [SEED]`: eight threads call everything that the crate has, at random, on hosts with the
//! plugins of the directory; so do the applications' callbacks, which take long and panic as well.
//!
//! It goes on in rounds, at whose ends nothing is left. Then each opened stream has told its end once and last, each
//! numbered message is answered once, and the process has no more than it had before. Meanwhile no datagram comes
//! that was not sent, twice, or out of order, and no call takes a minute.
mod actions;
mod datagram;
mod messages;
mod pair;
mod peer;
mod process;
mod reader;
mod record;
mod totals;
mod watch;
mod world;

use actions::Actions;
use fastrand::Rng;
use process::Has;
use reader::Readers;
use std::env;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use totals::{PLUGINS, Totals};
use watch::{Post, Posts};
use world::{HOSTS, World};

const THREADS: usize = 8;
/// How many rounds there are, about.
const ROUNDS: u32 = 12;
/// How long the end of a host may take, here.
const PATIENCE: Duration = Duration::from_secs(50);
/// KiB beyond what was allocated before.
const SLACK: usize = 8 * 1024;
/// KiB for each core that are kept for the next event loops.
const KEPT: usize = 2 * 1024;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let (directory, seconds, seed) = match &words[..] {
        [directory, seconds] => (directory, number(seconds), fastrand::u64(..)),
        [directory, seconds, seed] => (directory, number(seconds), number(seed)),
        _ => panic!("say the plugins' directory, how many seconds, and a seed if you have one"),
    };
    println!("stress: seed {seed}, {seconds} s");
    let (totals, posts) = (Arc::<Totals>::default(), Arc::<Posts>::default());
    count_panics(&totals);
    watch::start(Arc::clone(&posts), Arc::clone(&totals), seed);
    let mut random = Rng::with_seed(seed);
    let (start, seconds) = (Instant::now(), Duration::from_secs(seconds));
    let mut all = Vec::new();
    while start.elapsed() < seconds {
        let world = World::new(PathBuf::from(directory), Arc::clone(&totals));
        round(&Arc::new(world), &posts, &mut random, seconds / ROUNDS);
        all.push(Has::now());
    }
    check(&all, world::built(Path::new(directory)), &totals);
    totals.check_strays();
    println!("stress: {totals}");
    match totals.faults.get() {
        0 => ExitCode::SUCCESS,
        count => {
            eprintln!("stress: seed {seed}: {count} faults");
            ExitCode::FAILURE
        }
    }
}

fn number(word: &str) -> u64 {
    word.parse().expect("this is a number")
}

/// Those that applications mean are counted; others are faults.
fn count_panics(totals: &Arc<Totals>) {
    let (totals, usual) = (Arc::clone(totals), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref() == Some(&peer::PLANNED) {
            totals.panics.add();
            return;
        }
        usual(info);
        totals.fault("a panic that nobody meant");
    }));
}

/// One round.
fn round(world: &Arc<World>, posts: &Posts, random: &mut Rng, length: Duration) {
    let before = Has::now();
    let post = posts.add("main".to_owned());
    let readers = Readers::start(world);
    for _ in 0..HOSTS {
        let host = world.make_host(random);
        world.put_host(host, random);
    }
    let thread = |index| {
        let name = format!("stress-{index}");
        let actions = Actions {
            world: Arc::clone(world),
            random: random.fork(),
            post: posts.add(name.clone()),
            held: Vec::new(),
        };
        let thread = thread::Builder::new().name(name);
        thread.spawn(|| actions.run()).expect("there is a thread")
    };
    let threads: Vec<_> = (0..THREADS).map(thread).collect();
    let start = Instant::now();
    while start.elapsed() < length {
        post.at("the round");
        thread::sleep(Duration::from_millis(50));
    }
    world.end();
    for thread in threads {
        post.at("the threads' ends");
        thread
            .join()
            .unwrap_or_else(|_| world.totals.fault("a thread has panicked"));
    }
    end(world, &post, random);
    readers.end();
    await_that(&post, "the ends of the hosts' threads", || {
        Has::now().threads <= before.threads
    });
    post.leave();
}

/// Ends all that is left, and looks at what was told.
fn end(world: &World, post: &Post, random: &mut Rng) {
    if random.bool() {
        world.stop_all();
    }
    for host in world.take_hosts() {
        post.at("the end of a host");
        if random.bool()
            && let Err(still) = host.shutdown(PATIENCE)
        {
            world.totals.fault(&still.to_string());
        }
        drop(host);
    }
    world.drop_channels();
    await_that(post, "the applications' ends", || world.stop_all());
    world.forget_streams();
    world.check_records();
}

/// The watch has the patience.
fn await_that(post: &Post, what: &'static str, mut is_so: impl FnMut() -> bool) {
    post.at(what);
    while !is_so() {
        thread::sleep(Duration::from_millis(5));
    }
}

/// What the process has grown since the first third, and whether everything has happened.
fn check(all: &[Has], built: Vec<usize>, totals: &Totals) {
    let (first, then) = all.split_at(all.len().div_ceil(3));
    let (first, then) = (Has::most(first), Has::most(then));
    println!(
        "stress: {} rounds, most had: first {first:?}, then {then:?}",
        all.len()
    );
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if then.descriptors > first.descriptors
        || then.threads > first.threads
        || then.memory > first.memory + SLACK + KEPT * cores
    {
        totals.fault("the process has grown");
    }
    for count in [
        &totals.received,
        &totals.keys,
        &totals.panics,
        &totals.restarts,
    ] {
        if count.get() == 0 {
            totals.fault("something has not happened");
        }
    }
    for plugin in built {
        if totals.ready[plugin].get() == 0 {
            totals.fault(&format!("no stream of {} was ready", PLUGINS[plugin]));
        }
    }
}
