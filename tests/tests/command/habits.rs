//! A plugin's habits stay its own: what it prints, the descriptors it closes, the signals it takes.
use crate::support::{Plugins, assert_succeeds, handclasp, json, plugin, run, summary, text};
use handclasp_tests::processes::{Pair, Side, bytes};
use handclasp_tests::{heard, in_time};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

fn stream(plugins: &Plugins) -> Command {
    let mut command = handclasp(["stream", "--plugin", "habits", "--address", "127.0.0.1"]);
    command.args(["--plugin-dir", plugins.path()]);
    command
}

#[test]
fn what_a_plugin_prints_is_no_line_of_the_protocol() {
    let plugins = Plugins::with_habits(&["PRINTS"]);
    let demo = [
        "demo",
        "--json",
        "--plugin",
        "habits",
        "--plugin-dir",
        plugins.path(),
    ];
    let output = run(&demo);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(summary(&output)["ok"], true);
    let said = text(&output.stderr);
    for call in [
        "a constructor",
        "load",
        "init",
        "connection_ready",
        "recv_from_peer",
    ] {
        let line = format!("a plugin prints in {call}");
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    // Each line is JSON, or the reader of the pair panics; and the stream hears its own input.
    let a = || {
        let mut stream = stream(&plugins);
        stream.stderr(Stdio::null());
        stream
    };
    let mut pair = Pair::start([a(), a()], Some(Side::A));
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    pair.send_payload(Side::A, b"\xff");
    assert_eq!(
        bytes(&pair.expect(Side::B, "ice_payload"), "payload"),
        b"\xff"
    );
    pair.send(Side::A, &json!({"message": "stop"}));
    pair.expect(Side::A, "stopped");
}

#[test]
fn a_plugin_that_prints_spoils_no_list() {
    let plugins = Plugins::with_habits(&["PRINTS"]);
    for command in [
        ["plugins", "list"].as_slice(),
        &["plugins", "inspect", "habits"],
    ] {
        let output = run(&[command, &["--json", "--plugin-dir", plugins.path()]].concat());
        assert_succeeds(&output);
        assert_eq!(json(&output).len(), 1, "{}", text(&output.stdout));
    }
}

#[test]
fn descriptors_that_a_plugin_closes_are_not_the_command_s() {
    let plugins = Plugins::with_habits(&["CLOSES", "PRINTS"]);
    let demo = [
        "demo",
        "--json",
        "--plugin",
        "habits",
        "--plugin-dir",
        plugins.path(),
    ];
    let output = run(&demo);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(summary(&output)["ok"], true);
    let mut pair = Pair::start([stream(&plugins), stream(&plugins)], Some(Side::A));
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    // No socket has taken the places that its `init` has closed.
    for side in Side::BOTH {
        for number in 0..3 {
            let link = std::fs::read_link(format!("/proc/{}/fd/{number}", pair.process_id(side)));
            let is_socket =
                link.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
            assert!(!is_socket, "descriptor {number}");
        }
    }
    pair.send_payload(Side::A, b"\xff");
    assert_eq!(
        bytes(&pair.expect(Side::B, "ice_payload"), "payload"),
        b"\xff"
    );
    pair.send(Side::A, &json!({"message": "stop"}));
    pair.expect(Side::A, "stopped");
}

/// A stream that has gathered.
fn start(mut command: Command) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut events = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("candidate_gathering_done") {
        line.clear();
        assert_ne!(
            events.read_line(&mut line).expect("events are UTF-8"),
            0,
            "it ends early"
        );
    }
    (child, events)
}

#[test]
fn a_plugin_that_takes_signals_does_not_make_the_host_deaf() {
    let plugins = Plugins::with_habits(&["TAKES_SIGNALS"]);
    for signal in heard([Signal::HUP, Signal::INT, Signal::TERM]) {
        let (mut child, mut events) = start(stream(&plugins));
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        let rest = in_time("a signal ends it", move || {
            let mut rest = String::new();
            events.read_to_string(&mut rest).expect("events are UTF-8");
            rest
        });
        assert!(rest.ends_with("{\"event\":\"stopped\"}\n"), "{rest}");
        // Waiting for it would close its input, which stops a stream as well.
        let _input = child.stdin.take();
        let status = in_time("it ends", move || child.wait()).expect("it was started here");
        assert_eq!(status.code(), Some(128 + signal.as_raw()));
    }
}

#[test]
fn a_signal_ends_a_stream_as_stop_does_and_the_peer_hears_of_it() {
    let plugins = Plugins::new();
    plugins.put(
        "dtls-srtp.so",
        &std::fs::read(plugin("dtls-srtp")).expect("it is there"),
    );
    let stream = || {
        let mut command = handclasp(["stream", "--plugin", "dtls-srtp", "--address", "127.0.0.1"]);
        command.args(["--plugin-dir", plugins.path()]);
        command
    };
    for signal in heard([Signal::HUP, Signal::INT, Signal::TERM]) {
        let mut pair = Pair::start([stream(), stream()], Some(Side::A));
        for side in Side::BOTH {
            pair.expect(side, "component_state_ready");
        }
        let began = Instant::now();
        let process = Pid::from_raw(pair.process_id(Side::A).cast_signed()).expect("it has one");
        kill_process(process, signal).expect("it runs");
        let closed = pair.expect(Side::B, "component_closed");
        assert_eq!(closed["by_peer"], true);
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "by the farewell, not by silence"
        );
        let (events, status) = pair.end(Side::A);
        assert_eq!(events.last(), Some(&json!({"event": "stopped"})));
        assert_eq!(status.code(), Some(128 + signal.as_raw()));
    }
}

#[test]
fn a_signal_ends_a_demo_in_order() {
    let plugins = Plugins::with_fixture("never_finishing");
    let mut demo = handclasp(["demo", "--json", "--plugin", "never-finishing"])
        .args(["--plugin-dir", plugins.path()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut events = BufReader::new(demo.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("new_selected_pair") {
        line.clear();
        assert_ne!(events.read_line(&mut line).expect("events are UTF-8"), 0);
    }
    kill_process(Pid::from_child(&demo), Signal::TERM).expect("it runs");
    let mut rest = String::new();
    events.read_to_string(&mut rest).expect("events are UTF-8");
    assert!(rest.contains("component_closed"), "{rest}");
    assert!(rest.contains("interrupted by a signal"), "{rest}");
    assert_eq!(demo.wait().expect("it was started here").code(), Some(143));
}

#[test]
fn a_second_signal_ends_a_stream_at_once() {
    // Nobody reads its output: what is left to write there has to wait.
    let (mut child, _events) = start(stream(&Plugins::with_habits(&[])));
    let line = format!("{{\"message\":\"{}\"}}\n", "x".repeat(1000));
    let mut input = child.stdin.take().expect("it is piped");
    let (count, written) = channel();
    thread::spawn(move || {
        while input.write_all(line.as_bytes()).is_ok() {
            // The test may be over.
            let _ = count.send(());
        }
    });
    // It reads no more of them once it can write no more.
    while written.recv_timeout(Duration::from_secs(1)).is_ok() {}
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    thread::sleep(Duration::from_millis(300));
    let ended = child.try_wait().expect("it was started here");
    assert_eq!(ended, None, "what it has to write can still be read");
    // On a busy machine it may not have seen to the first yet, and takes two at once for one.
    let give_up = Instant::now() + Duration::from_secs(60);
    let status = loop {
        kill_process(Pid::from_child(&child), Signal::TERM).expect("it has not been waited for");
        thread::sleep(Duration::from_millis(300));
        if let Some(status) = child.try_wait().expect("it was started here") {
            break status;
        }
        assert!(Instant::now() < give_up, "it goes on");
    };
    assert_eq!(status.code(), Some(143));
}
