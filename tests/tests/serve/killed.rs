//! Processes that are killed in the middle of something.
use super::swap::{directory, exchange, exchange_data, version};
use handclasp_tests::{Controller, Daemon, await_that, cc, is_here};
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const DEFAULT: &str = "plugins.default = \"greeting\"";

/// The version of the plugin `greeting` that streams get, of which a pair gets ready.
fn version_in_use(daemon: &Daemon) -> String {
    let mut controller = daemon.controller();
    let [stream, _] = controller.pair(&json!({}));
    let generation =
        controller.ask(&json!({"request": "stream", "stream": stream}))["generation"].clone();
    let plugins = controller.ask(&json!({"request": "plugins"}));
    let all = plugins["plugins"].as_array().expect("it is a list");
    let greeting = all.iter().find(|plugin| plugin["plugin"] == "greeting");
    let generations = greeting.and_then(|plugin| plugin["generations"].as_array());
    let mut all = generations.into_iter().flatten();
    let its = all.find(|it| it["generation"] == generation);
    let version = its.and_then(|it| it["version"].as_str());
    version.unwrap_or_else(|| panic!("{plugins}")).to_owned()
}

/// Whether a process runs; one that nobody has waited for has ended all the same.
fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| !state.starts_with('Z'))
}

/// The processes that a process has started and that run.
fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children"));
    let lists = tasks.flatten().filter_map(|task| of_task(task).ok());
    let all: Vec<String> = lists.collect();
    let numbers = all.iter().flat_map(|list| list.split_whitespace());
    numbers.filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn a_daemon_that_is_killed_while_it_loads_a_plugin_leaves_no_process_and_starts_anew() {
    let (directory, file) = directory();
    let place = tempfile::tempdir().expect("there is room");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/slow_load.c");
    let library = place.path().join("slow-load.so");
    let mut daemon = Daemon::start(directory.path(), DEFAULT);
    for is_reload in [false, true] {
        // Another one each time: what could be opened once is not tried again.
        let gate = place.path().join(format!("gate-{is_reload}"));
        let define = format!("-DGATE=\"{}\"", gate.display());
        cc(&source, &library, &[&define]);
        exchange(&version(if is_reload { 2 } else { 1 }), &file);
        exchange(&library, &directory.path().join("slow-load.so"));
        let mut waiting = UnixStream::connect(daemon.socket()).expect("it listens");
        if is_reload {
            waiting
                .write_all(b"{\"request\":\"reload\"}\n")
                .expect("it reads");
        }
        let begun = gate.with_extension("begun");
        await_that("its load has begun", || begun.exists());
        let children = children(daemon.id());
        assert!(!children.is_empty(), "it is opened in another process");
        let left = daemon.kill();
        await_that("those it has started have ended", || {
            !children.iter().any(|child| runs(*child))
        });
        let mut answered = Vec::new();
        // What it had not read resets the connection.
        let _ = waiting.read_to_end(&mut answered);
        assert!(answered.is_empty(), "it was not done");
        fs::write(&gate, "").expect("there is room");
        daemon = Daemon::start_in(left, directory.path(), DEFAULT);
        let expected = if is_reload { "2.0.0" } else { "1.0.0" };
        assert_eq!(version_in_use(&daemon), expected, "{}", daemon.log());
        daemon.controller().pair(&json!({"plugin": "slow-load"}));
    }
}

#[test]
fn a_daemon_that_is_killed_at_any_moment_of_a_swap_starts_with_the_plugin_as_it_is() {
    let (directory, file) = directory();
    let mut daemon = Daemon::start(directory.path(), DEFAULT);
    let mut random = fastrand::Rng::with_seed(7);
    for swap in 0..12 {
        let number = 1 + swap % 3;
        let mut controller = daemon.controller();
        controller.begin_pair(&json!({}));
        exchange(&version(number), &file);
        // A look comes after 100 ms, and takes some.
        thread::sleep(Duration::from_millis(random.u64(60..200)));
        let left = daemon.kill();
        daemon = Daemon::start_in(left, directory.path(), DEFAULT);
        assert_eq!(
            version_in_use(&daemon),
            format!("{number}.0.0"),
            "{}",
            daemon.log()
        );
    }
}

#[test]
fn a_daemon_that_starts_while_a_plugin_is_half_written_uses_it_once_it_is_whole() {
    let (directory, file) = directory();
    let daemon = Daemon::start(directory.path(), DEFAULT);
    let bytes = fs::read(version(2)).expect("it is there");
    let mut slow = fs::File::create(&file).expect("it is ours");
    slow.write_all(&bytes[..bytes.len() / 2])
        .expect("there is room");
    let left = daemon.kill();
    let daemon = Daemon::start_in(left, directory.path(), DEFAULT);
    let mut controller = daemon.controller();
    let refused = controller.ask(&json!({"request": "open"}));
    assert_eq!(refused["kind"], "plugin", "{refused}");
    slow.write_all(&bytes[bytes.len() / 2..])
        .expect("there is room");
    drop(slow);
    await_that("it is used", || {
        controller
            .ask(&json!({"request": "open"}))
            .get("error")
            .is_none()
    });
    assert_eq!(version_in_use(&daemon), "2.0.0");
    assert!(!daemon.log().contains("not used"), "{}", daemon.log());
}

/// A process that passes all on between whoever connects to it first and the daemon.
struct Relay {
    process: Child,
    socket: PathBuf,
}

const RELAY: &str = "
import os, socket, sys, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[2] + '.new')
listener.listen()
os.rename(sys.argv[2] + '.new', sys.argv[2])
near, _ = listener.accept()
far = socket.socket(socket.AF_UNIX)
far.connect(sys.argv[1])
def pass_on(a, b):
    while data := a.recv(65536):
        b.sendall(data)
threading.Thread(target=pass_on, args=(far, near)).start()
pass_on(near, far)
";

impl Relay {
    fn start(daemon: &Daemon) -> Self {
        let socket = daemon.socket().with_extension("relay");
        let mut command = Command::new("python3");
        command
            .args(["-c", RELAY])
            .arg(daemon.socket())
            .arg(&socket);
        let process = command.spawn().expect("Python is here");
        await_that("it listens", || socket.exists());
        Self { process, socket }
    }

    fn kill(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.kill();
    }
}

/// It is over with this value, also where the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_controller_that_is_killed_in_the_middle_of_a_line_loses_its_own_streams_only() {
    if !is_here("python3", "python3") {
        return;
    }
    let (directory, _) = directory();
    let daemon = Daemon::start(directory.path(), DEFAULT);
    let mut observer = daemon.controller();
    let running =
        |observer: &mut Controller| observer.ask(&json!({"request": "status"}))["streams"].clone();
    let mut other = daemon.controller();
    let pairs: Vec<_> = (0..5).map(|_| other.pair(&json!({}))).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let data = scope.spawn(|| exchange_data(other, &pairs, &is_over));
        let over = Over(&is_over);
        for _ in 0..5 {
            let mut relay = Relay::start(&daemon);
            let mut controller = Controller::connect(&relay.socket);
            let [one, other] = controller.pair(&json!({}));
            assert_eq!(running(&mut observer), 12);
            for _ in 0..1000 {
                for from in [&one, &other] {
                    controller.send(
                        &json!({"stream": from, "message": "send_payload", "component_id": 1,
                        "payload": "gGAAAQ=="}),
                    );
                }
            }
            controller.write(b"{\"request\":\"open\",\"name\":\"half");
            controller.event(|event| event["event"] == "ice_payload");
            relay.kill();
            await_that("its streams have ended", || running(&mut observer) == 10);
            fs::remove_file(&relay.socket).expect("it is there");
        }
        drop(over);
        let datagrams = data.join().expect("no datagram was lost");
        assert!(datagrams > 100, "{datagrams}");
    });
}
