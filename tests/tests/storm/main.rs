//! A daemon that is asked for twice as many streams as its machine can open, beside streams that carry data.
//!
//! A test program of its own: those of one program run at a time, and these tests one after the other.
mod cores;
mod opens;
mod stolen;
mod traffic;

use cores::Cores;
use handclasp_tests::{Daemon, await_that, plugins, resident};
use opens::{Opens, Pace};
use serde_json::json;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use stolen::Stolen;
use traffic::Traffic;

/// Streams that carry data.
const STREAMS: usize = 100;
/// How much later their data may come in the storm, of the hundredth part that comes latest.
const LATER: Duration = Duration::from_millis(20);
/// Storms of which one must delay no data: a virtual machine may not have its processors all the time.
const ATTEMPTS: usize = 6;
/// How much of their time may be taken away from it for the delays to tell of the daemon.
const MOST_STOLEN: f64 = 0.03;
/// How much later data may come where more than that was taken away in each storm.
const LATER_IF_STOLEN: Duration = Duration::from_millis(150);
/// How much more memory the last third of the storm may take than the second one: each check that is sent is known for 40 to
/// 80 s by its transaction, and some MiB wait for programs that read slowly.
const GROWTH: usize = 16 << 20;
/// For how long it is found out what the machine can do, and what the delay is without opens.
const BEFORE: Duration = Duration::from_secs(2);

/// How long the storm is.
fn duration() -> Duration {
    let seconds = std::env::var("STORM").ok();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

#[test]
fn twice_the_opens_that_the_machine_can_carry_out_delay_no_data() {
    storm("none");
}

#[test]
fn twice_the_handshakes_that_the_machine_can_carry_out_delay_no_data() {
    storm("dtls-srtp");
}

fn storm(plugin: &str) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let cores = Cores::divide();
    let configuration = format!("plugins.default = {plugin:?}\n");
    let most = {
        let daemon = cores.for_daemon(|| Daemon::start(&plugins(), &configuration));
        let opens = opens::run(&daemon, Pace::AsTheyEnd, BEFORE);
        opens.ended_in_time as f64 / BEFORE.as_secs_f64()
    };
    let daemon = cores.for_daemon(|| Daemon::start_with_default_limits(&plugins(), &configuration));
    let traffic = Traffic::start(&daemon, plugin, STREAMS);
    let mut rate = 2.0 * most;
    println!("{plugin}: {most:.0} pairs a second, and {rate:.0} asked for");
    let mut all_stolen = true;
    let mut least = Duration::MAX;
    for _ in 0..ATTEMPTS {
        thread::sleep(BEFORE / 4);
        let _ = traffic.delays(); // of the first ones
        thread::sleep(BEFORE);
        let quiet = traffic.delays();
        let stolen = Stolen::now();
        let (opens, memory) = thread::scope(|scope| {
            let memory = scope.spawn(|| peaks(&daemon));
            let opens = opens::run(&daemon, Pace::EachSecond(rate), duration());
            (opens, memory.join().expect("the daemon runs"))
        });
        let stormy = traffic.delays();
        let stolen = stolen.share();
        let mut controller = daemon.controller();
        await_that("only those run that did before", || {
            let status = controller.ask(&json!({"request": "status"}));
            status["streams"] == STREAMS && status["half_open"] == 0
        });
        println!("{plugin}: quiet {quiet}; in the storm {stormy}, {stolen:.3} stolen");
        println!("{plugin}: {opens}; memory {memory:?}");
        check(&opens, memory);
        if opens.refused() == 0 {
            // The machine can do more than it could when that was found out.
            rate *= 2.0;
            continue;
        }
        all_stolen &= stolen > MOST_STOLEN;
        let later = stormy.percentile(99);
        least = least.min(later.saturating_sub(quiet.percentile(99)));
        if least <= LATER {
            break;
        }
    }
    let datagrams = traffic.end();
    println!("{plugin}: {datagrams} datagrams, none lost");
    let most = if all_stolen { LATER_IF_STOLEN } else { LATER };
    assert!(least <= most, "{least:?} later at the 99th percentile");
}

fn check(opens: &Opens, [_, second, last]: [usize; 3]) {
    assert!(opens.ready > 0, "some connect");
    assert!(
        last <= second + GROWTH,
        "{} bytes more",
        last.saturating_sub(second)
    );
}

/// The most memory that the daemon has in each third of the storm.
fn peaks(daemon: &Daemon) -> [usize; 3] {
    let third = duration() / 3;
    [(); 3].map(|()| {
        let began = Instant::now();
        let mut peak = 0;
        while began.elapsed() < third {
            peak = peak.max(resident(daemon.id()));
            thread::sleep(Duration::from_millis(50));
        }
        peak
    })
}
