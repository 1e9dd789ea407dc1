//! Sessions that end, in every way there is, and what they leave.
use super::swap::{directory, exchange, version};
use handclasp_tests::{Controller, Daemon, await_that, resident};
use serde_json::{Value, json};
use std::fs;

/// How many sessions end in each way: ten thousand in all.
fn sessions() -> usize {
    std::env::var("ENDS")
        .ok()
        .and_then(|ends| ends.parse().ok())
        .unwrap_or(1428)
}

/// What a process has of the system.
#[derive(Debug)]
struct Has {
    descriptors: usize,
    threads: usize,
}

impl Has {
    fn of(process: u32) -> Self {
        let count = |what: &str| {
            let entries = fs::read_dir(format!("/proc/{process}/{what}"));
            entries.expect("it runs").count()
        };
        Self {
            descriptors: count("fd"),
            threads: count("task"),
        }
    }
}

fn stop(controller: &mut Controller, name: &str) {
    controller.send(&json!({"stream": name, "message": "stop"}));
    ended(controller, name);
}

fn ended(controller: &mut Controller, name: &str) {
    controller.event(|event| event["event"] == "stopped" && event["stream"] == name);
}

fn is(name: &'static str, stream: &str) -> impl Fn(&Value) -> bool {
    let stream = stream.to_owned();
    move |event| event["event"] == name && event["stream"] == stream.as_str()
}

/// In all ways, so many sessions each.
fn end_in_all_ways(daemon: &Daemon, file: &std::path::Path, sessions: usize) {
    let mut controller = daemon.controller();
    let pairs = sessions / 2;
    for _ in 0..pairs {
        let [one, other] = controller.pair(&json!({}));
        stop(&mut controller, &one);
        stop(&mut controller, &other); // whose peer has gone
    }
    for _ in 0..pairs {
        let [one, other] = controller.pair(&json!({}));
        for name in [&one, &other] {
            controller.send(&json!({"stream": name, "message": "close"}));
            controller.event(is("component_closed", name));
            stop(&mut controller, name);
        }
    }
    for _ in 0..pairs {
        // One that never hears of its peer any more, and one in the middle of its handshake.
        let [one, other] = controller.begin_pair(&json!({}));
        stop(&mut controller, &other);
        stop(&mut controller, &one);
    }
    for _ in 0..sessions {
        let opened = controller.ask(&json!({"request": "open"}));
        let name = opened["stream"].as_str().expect("it is opened").to_owned();
        let too_long = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4";
        controller.event(is("handshake_init_data", &name));
        controller.send(
            &json!({"stream": name, "message": "set_peer_init_data", "component_id": 1,
            "role": "initiator", "init_data": too_long}),
        );
        controller.event(is("component_state_failed", &name));
        stop(&mut controller, &name);
    }
    for _ in 0..sessions {
        let refused = controller.ask(&json!({"request": "open", "options": {"nosuch": "1"}}));
        assert_eq!(refused["kind"], "plugin", "{refused}");
    }
    for _ in 0..sessions.div_ceil(20) {
        let mut lost = daemon.controller();
        for _ in 0..10 {
            lost.begin_pair(&json!({}));
        }
        drop(lost);
    }
    // Not more at a time than the first time: memory that was needed at once stays the process's.
    let names: Vec<_> = (0..pairs.min(100))
        .flat_map(|_| controller.pair(&json!({})))
        .collect();
    fs::remove_file(file).expect("it is there");
    await_that("it is retired", || {
        let plugins = controller.ask(&json!({"request": "plugins"}));
        plugins["plugins"][0]["state"] == "retired"
    });
    let refused = controller.ask(&json!({"request": "open"}));
    assert_eq!(refused["kind"], "plugin", "{refused}");
    for name in &names {
        stop(&mut controller, name);
    }
    exchange(&version(1), file);
    await_that("it is back", || {
        let opened = controller.ask(&json!({"request": "open"}));
        let name = opened["stream"].as_str().map(str::to_owned);
        name.is_some_and(|name| {
            stop(&mut controller, &name);
            true
        })
    });
    await_that("all have ended", || {
        controller.ask(&json!({"request": "status"}))["streams"] == 0
    });
}

#[test]
fn ten_thousand_sessions_that_end_in_every_way_leave_nothing() {
    let (directory, file) = directory();
    let configuration = "plugins.default = \"greeting\"\nlimits.max-half-open = 10000";
    let daemon = Daemon::start(directory.path(), configuration);
    // What the first ones need stays for the next.
    end_in_all_ways(&daemon, &file, sessions().min(200));
    let (before, memory) = (Has::of(daemon.id()), resident(daemon.id()));
    end_in_all_ways(&daemon, &file, sessions());
    await_that("it has no more descriptors and threads than before", || {
        let now = Has::of(daemon.id());
        now.descriptors <= before.descriptors && now.threads <= before.threads
    });
    let grown = resident(daemon.id()).saturating_sub(memory);
    println!("{} sessions, {grown} bytes more", 7 * sessions());
    assert!(grown < 4 << 20, "{grown} bytes more");
}
