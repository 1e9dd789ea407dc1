//! Changes in plugin directories: many at once, and by a program that strangers use.
use super::swap::{directory, outcome, subscribed, version};
use handclasp_tests::{Daemon, is_here};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How often the daemon has looked into its plugin directories.
fn looks(daemon: &Daemon) -> usize {
    let log = daemon.log();
    log.matches("the plugin directories are looked into")
        .count()
}

/// Waits until the daemon has stopped looking; returns how often it has.
fn looks_at_rest(daemon: &Daemon) -> usize {
    let mut before = looks(daemon);
    loop {
        thread::sleep(Duration::from_millis(1500)); // more than three glances
        let now = looks(daemon);
        if now == before {
            return now;
        }
        before = now;
    }
}

#[test]
fn a_burst_of_fifty_changes_is_a_look_or_two() {
    let (directory, file) = directory();
    let daemon = Daemon::start(directory.path(), "log.level = \"debug\"\n");
    let mut news = subscribed(&daemon);
    let before = looks_at_rest(&daemon);
    let began = Instant::now();
    for number in 0..50 {
        super::swap::exchange(&version(1 + number % 2), &file);
        thread::sleep(Duration::from_millis(4)); // each is told by the system alone
    }
    super::swap::exchange(&version(3), &file);
    let took = began.elapsed();
    let last = news.event(|event| event["version"] == "3.0.0");
    assert_eq!(last["event"], "generation_loaded", "{last}");
    // A look is put off for 400 ms at most; one more follows the last change, and one more what was in its midst.
    let most = 3 + usize::try_from(took.as_millis() / 400).expect("it is small");
    let looked = looks_at_rest(&daemon) - before;
    assert!((1..=most).contains(&looked), "{looked} looks in {took:?}");
    assert!(!daemon.log().contains("not used"), "{}", daemon.log());
}

/// Puts a file in the place of another as `rsync` does with these options.
fn rsync(options: &[&str], new: &Path, file: &Path) {
    let copied = Command::new("rsync")
        .args(options)
        .args([new, file])
        .output()
        .expect("it was just run");
    let error = String::from_utf8_lossy(&copied.stderr);
    assert!(copied.status.success(), "{options:?}: {error}");
}

#[test]
fn what_rsync_brings_is_used_within_a_second_of_being_whole() {
    if !is_here("rsync", "rsync") {
        return;
    }
    let (directory, file) = directory();
    let daemon = Daemon::start(directory.path(), "");
    let mut news = subscribed(&daemon);
    let slowly = {
        let bytes = fs::metadata(version(1)).expect("it is there").len();
        format!("--bwlimit={}", bytes / 1024 / 2) // KiB a second: two seconds
    };
    let mut number = 1;
    for options in [
        &["--ignore-times"][..],
        &["--archive", "--ignore-times"],
        &["--ignore-times", "--inplace"],
        &["--ignore-times", "--delay-updates"],
        &["--ignore-times", &slowly],
        &["--ignore-times", "--inplace", &slowly],
    ] {
        rsync(options, &version(1 + number % 2), &file);
        let whole = Instant::now();
        number += 1;
        let loaded = outcome(&mut news);
        assert_eq!(loaded["generation"], number, "{options:?}: {loaded}");
        let took = whole.elapsed();
        assert!(took < Duration::from_secs(1), "{options:?}: {took:?}");
    }
    assert!(!daemon.log().contains("not used"), "{}", daemon.log());
}

#[test]
fn a_file_that_gets_whole_while_it_is_looked_at_is_not_told_to_be_unusable() {
    let (directory, file) = directory();
    // A look at these takes some milliseconds.
    for number in 0..2000 {
        let junk = directory.path().join(format!("x{number}.so"));
        fs::write(junk, "no library").expect("there is room");
    }
    let daemon = Daemon::start(directory.path(), "");
    let mut news = subscribed(&daemon);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..20 {
        let new = fs::read(version(1 + (1 + round) % 2)).expect("it is there");
        let mut slow = fs::File::create(&file).expect("it is ours");
        slow.write_all(&new[..100]).expect("there is room");
        // A look begins 100 ms later.
        thread::sleep(Duration::from_millis(random.u64(90..160)));
        slow.write_all(&new[100..]).expect("there is room");
        drop(slow);
        let told = outcome(&mut news);
        assert_eq!(told["event"], "generation_loaded", "{round}: {told}");
    }
}
