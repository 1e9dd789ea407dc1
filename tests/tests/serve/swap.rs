//! Plugins that change under load.
use handclasp_tests::{Controller, Daemon, await_that, fixture};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A directory with one plugin, `greeting`, in its first version.
pub(super) fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("greeting.so");
    fs::copy(version(1), &file).expect("there is room");
    (directory, file)
}

/// The plugin in another version.
pub(super) fn version(number: u32) -> PathBuf {
    fixture("greeting", &[&format!("VERSION=\"{number}.0.0\"")])
}

/// A file of the same id that cannot be loaded.
fn broken() -> PathBuf {
    fixture("greeting", &["VERSION=\"1.0.0\"", "FAILS_TO_LOAD"])
}

/// Puts a file in the place of another, as `install` and package managers do.
pub(super) fn exchange(new: &Path, file: &Path) {
    let draft = file.with_extension("new");
    fs::copy(new, &draft).expect("there is room");
    fs::rename(&draft, file).expect("both are in one directory");
}

/// Waits for what becomes of a file.
pub(super) fn outcome(controller: &mut Controller) -> Value {
    controller
        .event(|event| event["event"] == "generation_loaded" || event["event"] == "plugin_refused")
}

pub(super) fn subscribed(daemon: &Daemon) -> Controller {
    let mut controller = daemon.controller();
    let events = [
        "generation_loaded",
        "generation_ended",
        "plugin_refused",
        "plugin_retired",
    ];
    controller.ask(&json!({"request": "subscribe", "events": events}));
    controller
}

fn opened(controller: &mut Controller) -> Value {
    let opened = controller.ask(&json!({"request": "open", "plugin": "greeting"}));
    if let Some(stream) = opened["stream"].as_str() {
        controller.send(&json!({"stream": stream, "message": "stop"}));
    }
    opened
}

#[test]
fn streams_keep_their_generation_and_new_ones_get_the_new_one() {
    let (directory, file) = directory();
    let daemon = Daemon::start(directory.path(), "plugins.default = \"greeting\"");
    let mut news = subscribed(&daemon);
    let mut controller = daemon.controller();
    let old = controller.pair(&json!({}));
    exchange(&version(2), &file);
    let loaded = outcome(&mut news);
    assert_eq!(
        (&loaded["generation"], &loaded["version"]),
        (&json!(2), &json!("2.0.0"))
    );
    assert_eq!(opened(&mut controller)["generation"], 2);
    let new = controller.pair(&json!({}));
    let generation = |controller: &mut Controller, name: &str| {
        controller.ask(&json!({"request": "stream", "stream": name}))["generation"].clone()
    };
    assert_eq!(generation(&mut controller, &old[0]), 1);
    assert_eq!(generation(&mut controller, &new[0]), 2);
    exchange(&broken(), &file);
    let refused = outcome(&mut news);
    assert_eq!(
        (&refused["event"], &refused["plugin"]),
        (&json!("plugin_refused"), &json!("greeting"))
    );
    assert_eq!(opened(&mut controller)["generation"], 2);
    for name in &old {
        controller.send(&json!({"stream": name, "message": "stop"}));
    }
    let ended = news.event(|event| event["event"] == "generation_ended");
    assert_eq!(ended["generation"], 1);
    fs::remove_file(&file).expect("it is there");
    news.event(|event| event["event"] == "plugin_retired");
    let refused = opened(&mut controller);
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|error| error.contains("was removed from")),
        "{refused}"
    );
    let alive = controller.ask(&json!({"request": "stream", "stream": new[0]}));
    assert_eq!(alive["state"], "ready");
    exchange(&version(1), &file);
    assert_eq!(
        outcome(&mut news)["generation"],
        3,
        "its number is not used again"
    );
    assert_eq!(opened(&mut controller)["generation"], 3);
}

#[test]
fn a_directory_that_goes_and_comes_back_takes_nothing_away() {
    let (directory, file) = directory();
    let daemon = Daemon::start(directory.path(), "");
    let mut news = subscribed(&daemon);
    let mut controller = daemon.controller();
    let elsewhere = directory.path().with_extension("elsewhere");
    fs::rename(directory.path(), &elsewhere).expect("it is ours");
    // So long that a file that is gone by itself would have been retired: another one's retirement tells.
    for _ in 0..20 {
        assert_eq!(opened(&mut controller)["generation"], 1);
        thread::sleep(Duration::from_millis(50));
    }
    fs::rename(&elsewhere, directory.path()).expect("it is ours");
    await_that("it is watched again", || {
        exchange(&version(2), &file);
        thread::sleep(Duration::from_millis(500));
        opened(&mut controller)["generation"] == 2
    });
    // That the directory was gone may have been told as well.
    news.event(|event| event["event"] == "generation_loaded");
}

/// Each of the ways in which people put a file in a place; `$1` is the new one, `$2` the place.
const WAYS: [(&str, &str); 9] = [
    ("cp", "cp $1 $2"),
    ("mv", "cp $1 $2.part; mv $2.part $2"),
    ("install", "install -m 644 $1 $2"),
    ("ln", "cp $1 $2.part; ln -f $2.part $2; rm $2.part"),
    ("cat", "cat $1 > $2"),
    ("remove first", "rm -f $2; cp $1 $2"),
    // What editors do: the old one is kept aside, the new one written, and the old one removed.
    ("editor", "mv $2 $2~; cat $1 > $2; rm $2~"),
    (
        "editor, by a file of its own",
        "cat $1 > $2.swp; cp -p $2 $2~; mv $2.swp $2; rm $2~",
    ),
    // rsync: a hidden file with a name of its own, renamed at the end.
    (
        "rsync",
        "cat $1 > $(dirname $2)/.$(basename $2).Xy12; mv $(dirname $2)/.$(basename $2).Xy12 $2",
    ),
];

#[test]
fn however_a_file_gets_there_it_is_used_within_a_second_of_being_whole() {
    let (directory, file) = directory();
    let daemon = Daemon::start(directory.path(), "");
    let mut news = subscribed(&daemon);
    let mut number = 1;
    for (way, script) in WAYS {
        let new = version(1 + number % 2);
        let status = std::process::Command::new("sh")
            .args(["-ec", &format!("umask 022; {script}"), "sh"])
            .args([&new, &file])
            .status();
        assert!(status.expect("there is a shell").success(), "{way}");
        let whole = Instant::now();
        number += 1;
        let loaded = outcome(&mut news);
        assert_eq!(loaded["generation"], number, "{way}: {loaded}");
        let took = whole.elapsed();
        assert!(took < Duration::from_secs(1), "{way}: {took:?}");
    }
    assert_eq!(
        daemon.log().matches("not used").count(),
        0,
        "{}",
        daemon.log()
    );
}

#[test]
fn what_is_being_copied_is_not_looked_at_before_it_is_whole() {
    let (directory, file) = directory();
    let daemon = Daemon::start(directory.path(), "");
    let mut news = subscribed(&daemon);
    let mut controller = daemon.controller();
    let bytes = fs::read(version(2)).expect("it is there");
    let mut slow = fs::File::create(&file).expect("it is ours");
    let half = bytes.len() / 2;
    // So slowly that the daemon looks many times; what matters is not how slowly.
    for chunk in bytes[..half].chunks(half.div_ceil(20)) {
        slow.write_all(chunk).expect("there is room");
        assert_eq!(opened(&mut controller)["generation"], 1);
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(news.next_event(Duration::from_millis(1)), None);
    slow.write_all(&bytes[half..]).expect("there is room");
    drop(slow);
    let whole = Instant::now();
    assert_eq!(outcome(&mut news)["generation"], 2);
    assert!(whole.elapsed() < Duration::from_secs(1));
}

/// How often the plugin is swapped.
fn swaps() -> u32 {
    std::env::var("SWAPS")
        .ok()
        .and_then(|swaps| swaps.parse().ok())
        .unwrap_or(1000)
}

#[test]
fn a_thousand_swaps_under_load_lose_no_stream_and_no_datagram() {
    const PAIRS: usize = 250;
    let (directory, file) = directory();
    let daemon = Daemon::start(directory.path(), "plugins.default = \"greeting\"");
    let mut news = subscribed(&daemon);
    let is_over = AtomicBool::new(false);
    let at_least = AtomicU64::new(1);
    let opens = AtomicU64::new(0);
    let mut controller = daemon.controller();
    let pairs: Vec<_> = (0..PAIRS).map(|_| controller.pair(&json!({}))).collect();
    let before = handclasp_tests::resident(daemon.id());
    thread::scope(|scope| {
        // Opens, one after the other: none fails, and each gets the generation that was told last, or a later one.
        scope.spawn(|| {
            let mut controller = daemon.controller();
            while !is_over.load(Ordering::Relaxed) {
                let least = at_least.load(Ordering::SeqCst);
                let names = controller.pair(&json!({}));
                let status = controller.ask(&json!({"request": "stream", "stream": names[0]}));
                assert!(
                    status["generation"].as_u64() >= Some(least),
                    "{status}, told {least}"
                );
                for name in &names {
                    controller.send(&json!({"stream": name, "message": "stop"}));
                    controller.event(|event| {
                        event["event"] == "stopped" && event["stream"] == name.as_str()
                    });
                }
                opens.fetch_add(2, Ordering::Relaxed);
            }
        });
        // Data: each pair has one datagram under way, which is told by its content.
        let data = scope.spawn(|| exchange_data(controller, &pairs, &is_over));
        // Odd generations have the first version, even ones the second.
        let mut generation = 1;
        for swap in 1..=swaps() {
            let is_broken = swap % 10 == 0;
            match is_broken {
                true => exchange(&broken(), &file),
                false => exchange(&version(if generation % 2 == 1 { 2 } else { 1 }), &file),
            }
            let outcome = outcome(&mut news);
            if is_broken {
                assert_eq!(outcome["event"], "plugin_refused", "{outcome}");
            } else {
                generation += 1;
                assert_eq!(outcome["generation"], generation, "{outcome}");
                at_least.store(generation, Ordering::SeqCst);
            }
        }
        is_over.store(true, Ordering::Relaxed);
        let datagrams = data.join().expect("no datagram was lost");
        let grown = handclasp_tests::resident(daemon.id()).saturating_sub(before);
        println!(
            "{} swaps, {} opens, {datagrams} datagrams, {grown} bytes more, {} a swap",
            swaps(),
            opens.load(Ordering::Relaxed),
            grown / swaps() as usize
        );
        assert!(datagrams > 0 && opens.load(Ordering::Relaxed) > 0);
    });
}

/// Sends a datagram from one stream of each pair to the other and back, again and again; returns how many arrived. Each
/// must, and with what was sent last on its pair.
pub(super) fn exchange_data(
    mut controller: Controller,
    pairs: &[[String; 2]],
    is_over: &AtomicBool,
) -> u64 {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let payload = |number: u64| {
        let number = number.to_be_bytes();
        BASE64_STANDARD.encode([&[0x80, 0x60][..], &number[..]].concat())
    };
    let send = |controller: &mut Controller, stream: &str, number| {
        let payload = payload(number);
        controller.send(&json!({"stream": stream, "message": "send_payload", "component_id": 1, "payload": payload}));
    };
    let mut expected = HashMap::new();
    for [one, other] in pairs {
        expected.insert(other.as_str(), (one.as_str(), 0));
        send(&mut controller, one, 0);
    }
    let mut arrived = 0;
    while !expected.is_empty() {
        let event = controller.event(|event| event["event"] == "ice_payload");
        let to = event["stream"].as_str().expect("it names its stream");
        let (to, (from, number)) = expected.remove_entry(to).expect("it was sent there");
        assert_eq!(event["payload"], payload(number), "{event}");
        arrived += 1;
        if !is_over.load(Ordering::Relaxed) {
            // Not as fast as can be: the machine has other things to do.
            if arrived % 50 == 0 {
                thread::sleep(Duration::from_millis(10));
            }
            expected.insert(from, (to, number + 1));
            send(&mut controller, to, number + 1);
        }
    }
    arrived
}
