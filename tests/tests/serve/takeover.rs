//! A daemon that takes the place of another.
use crate::swap::exchange_data;
use handclasp_tests::{
    Controller, Daemon, OtherUser, await_that, free_tcp_address, http, plugins, program, skip,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn step(controller: &mut Controller, step: &str) -> Value {
    controller.ask(&json!({"request": "takeover", "step": step}))
}

fn status(controller: &mut Controller) -> Value {
    controller.ask(&json!({"request": "status"}))
}

/// The control socket of a daemon whose place another one has taken.
fn own_socket(daemon: &Daemon) -> PathBuf {
    let socket = daemon.socket().display();
    PathBuf::from(format!("{socket}.{}", daemon.id()))
}

/// A takeover as no program of ours does it: descriptors that nobody receives.
fn takeover_from_outside(controller: &mut Controller) {
    let offer = step(controller, "offer");
    assert_eq!(offer.get("error"), None, "{offer}");
    controller.send(&json!({"request": "takeover", "step": "descriptors"}));
    let loops = offer["loops"].as_u64().expect("it has some");
    assert!(
        loops > 0 && offer["places"][0]["component_id"] == 1,
        "{offer}"
    );
}

#[test]
fn a_takeover_under_500_streams_with_data_loses_no_datagram_and_fails_no_stream() {
    const PAIRS: usize = 250;
    const NEW_PAIRS: usize = 50;
    let address = free_tcp_address();
    let tcp = free_tcp_address();
    let token = tempfile::NamedTempFile::new().expect("there is room");
    fs::write(token.path(), "a-token-of-some-length-that-is-not-guessed\n").expect("there is room");
    let mut old = Daemon::start(
        &plugins(),
        &format!(
            "metrics.listen = \"{address}\"\ncontrol.tcp = \"{tcp}\"\ncontrol.token-file = {:?}\n",
            token.path()
        ),
    );
    let process_over_tcp = || {
        let mut stream = TcpStream::connect(tcp).expect("somebody listens");
        let lines = "{\"request\":\"authenticate\",\"token\":\"a-token-of-some-length-that-is-not-guessed\"}\n\
                     {\"request\":\"takeover\",\"step\":\"offer\"}\n{\"request\":\"status\"}\n";
        stream.write_all(lines.as_bytes()).expect("it reads");
        let mut answers = BufReader::new(stream).lines().map_while(Result::ok);
        let refused = answers.nth(1).expect("it answers");
        assert!(refused.contains("by the Unix socket"), "{refused}");
        let status: Value =
            serde_json::from_str(&answers.next().expect("it answers")).expect("JSON");
        status["process"].clone()
    };
    assert_eq!(process_over_tcp(), old.id());
    let has_predecessor = |expected| {
        let metrics = http::get(address, "/metrics").expect("it is answered");
        metrics
            .body
            .contains(&format!("\nhandclasp_predecessor {expected}\n"))
    };
    assert!(has_predecessor(0));
    let socket = old.socket().to_owned();
    let mut controller = old.controller();
    let pairs: Vec<_> = (0..PAIRS).map(|_| controller.pair(&json!({}))).collect();
    let mut second = old.controller();
    let (old_is_over, new_is_over, opens_are_over) = (
        AtomicBool::new(false),
        AtomicBool::new(false),
        AtomicBool::new(false),
    );
    let (opened, reconnected) = (AtomicU64::new(0), AtomicU64::new(0));
    let new = thread::scope(|scope| {
        let old_data = scope.spawn(|| exchange_data(controller, &pairs, &old_is_over));
        // Opens all the while, as a signalling server makes them: one that is told so connects again.
        scope.spawn(|| {
            let mut controller = Controller::connect(&socket);
            while !opens_are_over.load(Ordering::Relaxed) {
                let answer = controller.ask(&json!({"request": "open", "controlling": true}));
                if answer["kind"] == "taken_over" {
                    controller = Controller::connect(&socket);
                    reconnected.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                assert_eq!(answer.get("error"), None, "{answer}");
                controller.send(&json!({"stream": answer["stream"], "message": "stop"}));
                controller.event(|event| event["event"] == "stopped");
                opened.fetch_add(1, Ordering::Relaxed);
            }
        });
        thread::sleep(Duration::from_secs(1));
        second.ask(&json!({"request": "subscribe", "events": ["taken_over"]}));
        let new = old.successor(&socket);
        let told = second.event(|event| event["event"] == "taken_over");
        assert_eq!(told["socket"], json!(own_socket(&old)));

        let mut controller = new.controller();
        let new_status = status(&mut controller);
        assert_eq!(new_status["process"], new.id());
        assert_eq!(new_status["predecessor"], old.id());
        assert!(has_predecessor(1), "the new one is asked");
        assert_eq!(process_over_tcp(), new.id());
        let new_pairs: Vec<_> = (0..NEW_PAIRS)
            .map(|_| controller.pair(&json!({})))
            .collect();
        let before = opened.load(Ordering::Relaxed);
        let new_data = scope.spawn(|| {
            let new_pairs = new_pairs;
            exchange_data(controller, &new_pairs, &new_is_over)
        });
        let mut of_old = Controller::connect(&own_socket(&old));
        assert!(status(&mut of_old)["streams"].as_u64() >= Some(2 * PAIRS as u64));
        let mut once_more = new.controller();
        let refused = step(&mut once_more, "offer")["error"].to_string();
        assert!(refused.contains("has taken over from process"), "{refused}");
        thread::sleep(Duration::from_secs(3));

        // Its streams end with their controller, and it with the last.
        old_is_over.store(true, Ordering::Relaxed);
        let old_datagrams = old_data.join().expect("no datagram was lost");
        assert!(old.wait().success(), "{}", old.log());
        let gone = Instant::now();
        await_that("it is known", || {
            status(&mut once_more).get("predecessor").is_none()
        });
        assert!(gone.elapsed() < Duration::from_secs(1));
        assert!(has_predecessor(0));
        assert!(!own_socket(&old).exists());
        thread::sleep(Duration::from_secs(2));
        let newer = new.controller().pair(&json!({}));
        assert_eq!(newer.len(), 2);
        opens_are_over.store(true, Ordering::Relaxed);
        new_is_over.store(true, Ordering::Relaxed);
        let new_datagrams = new_data.join().expect("no datagram was lost");
        let (opened, reconnected) = (
            opened.load(Ordering::Relaxed),
            reconnected.load(Ordering::Relaxed),
        );
        println!("{old_datagrams} and {new_datagrams} datagrams, {opened} opens");
        assert!(old_datagrams > 0 && new_datagrams > 0 && opened > before);
        assert_eq!(reconnected, 1, "it is told so once");
        new
    });
    for daemon in [&old, &new] {
        let log = daemon.log();
        assert!(!log.contains("failed") && !log.contains("WARN"), "{log}");
    }
    // It can be done again.
    let newest = new.successor(&socket);
    newest.controller().pair(&json!({}));
}

#[test]
fn a_takeover_that_breaks_off_costs_nothing_and_of_two_only_the_later_one_is_for_good() {
    let daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    let [stream, peer] = controller.pair(&json!({}));
    let works = |controller: &mut Controller| {
        controller.send(&json!({"stream": stream, "message": "send_payload", "component_id": 1, "payload": "gGA="}));
        controller
            .event(|event| event["event"] == "ice_payload" && event["stream"] == peer.as_str());
        daemon.controller().pair(&json!({}));
    };
    let mut other = daemon.controller();
    for early in ["descriptors", "commit"] {
        assert!(step(&mut other, early)["error"].is_string());
    }
    assert!(step(&mut other, "all")["error"].is_string());
    step(&mut other, "offer");
    drop(other);
    works(&mut controller);
    let mut other = daemon.controller();
    takeover_from_outside(&mut other);
    works(&mut controller);
    drop(other);
    works(&mut controller);
    let (mut one, mut other) = (daemon.controller(), daemon.controller());
    takeover_from_outside(&mut one);
    takeover_from_outside(&mut other);
    works(&mut controller);
    let refused = step(&mut one, "commit");
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|it| it.contains("begin anew")),
        "{refused}"
    );
    works(&mut controller);
    // Its last step never comes.
    let given = step(&mut other, "commit");
    assert_eq!(given["socket"], json!(own_socket(&daemon)), "{given}");
    let refused = controller.ask(&json!({"request": "open"}));
    assert_eq!(refused["kind"], "taken_over", "{refused}");
    let refused = step(&mut Controller::connect(&own_socket(&daemon)), "offer");
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|it| it.contains("about to")),
        "{refused}"
    );
    drop(other);
    await_that("all is as before", || !own_socket(&daemon).exists());
    works(&mut controller);
    assert!(
        daemon.log().contains("all is as before"),
        "{}",
        daemon.log()
    );
}

#[test]
fn a_successor_that_cannot_start_leaves_everything_as_it_was() {
    let lock = tempfile::NamedTempFile::new().expect("there is room");
    let locked = Command::new(program())
        .args(["plugins", "lock", "--output"])
        .arg(lock.path())
        .arg("--plugin-dir")
        .arg(plugins())
        .output()
        .expect("it is built");
    assert!(locked.status.success(), "{locked:?}");
    let mut daemon = Daemon::start(&plugins(), &format!("plugins.lock = {:?}\n", lock.path()));
    daemon.controller().pair(&json!({}));
    fs::write(lock.path(), "no lock").expect("there is room");
    // One after the other, and two at a time.
    for count in [1, 1, 2] {
        let failing = (0..count).map(|_| {
            let failing = Command::new(program())
                .args(["serve", "--takeover", "--config"])
                .arg(daemon.config())
                .stderr(Stdio::piped())
                .spawn();
            failing.expect("it is built")
        });
        for failing in failing.collect::<Vec<_>>() {
            let failed = failing.wait_with_output().expect("it is a child");
            let error = String::from_utf8_lossy(&failed.stderr);
            assert_eq!(failed.status.code(), Some(1), "{error}");
        }
        daemon.controller().pair(&json!({}));
    }
    assert!(!own_socket(&daemon).exists());
    daemon.signal(Signal::TERM);
    assert!(daemon.wait().success());
    assert!(!daemon.socket().exists());
}

#[test]
fn who_is_gone_too_early_is_followed_all_the_same() {
    let old = Daemon::start(&plugins(), "");
    let socket = old.socket().to_owned();
    let mut controller = old.controller();
    let [stream, peer] = controller.pair(&json!({}));
    let new = old.successor(&socket);
    new.controller().pair(&json!({}));
    let refused = step(&mut Controller::connect(&own_socket(&old)), "offer");
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|it| it.contains("already")),
        "{refused}"
    );
    // The new one dies: the old one's streams go on, and it can be asked at its own socket.
    new.kill();
    let mut own = Controller::connect(&own_socket(&old));
    await_that("it is known", || {
        step(&mut own, "offer").get("error").is_none()
    });
    let refused = own.ask(&json!({"request": "open"}));
    assert_eq!(refused["kind"], "taken_over", "{refused}");
    controller.send(
        &json!({"stream": stream, "message": "send_payload", "component_id": 1, "payload": "gGA="}),
    );
    controller.event(|event| event["event"] == "ice_payload" && event["stream"] == peer.as_str());
    let newer = old.successor(&own_socket(&old));
    let mut of_newer = newer.controller();
    let kept = of_newer.pair(&json!({}));
    controller.send(
        &json!({"stream": stream, "message": "send_payload", "component_id": 1, "payload": "gGA="}),
    );
    controller.event(|event| event["event"] == "ice_payload" && event["stream"] == peer.as_str());
    // The old one dies: the new one receives by itself.
    old.kill();
    of_newer.pair(&json!({}));
    of_newer.send(&json!({"stream": kept[1], "message": "send_payload", "component_id": 1, "payload": "gGA="}));
    of_newer.event(|event| event["event"] == "ice_payload" && event["stream"] == kept[0].as_str());
}

#[test]
fn a_daemon_that_was_taken_over_and_does_not_turn_is_told_of() {
    let address = free_tcp_address();
    let old = Daemon::start(&plugins(), &format!("metrics.listen = \"{address}\"\n"));
    let mut controller = old.controller();
    controller.pair(&json!({}));
    let new = old.successor(old.socket());
    let health = || http::get(address, "/healthz").expect("it is answered");
    thread::sleep(Duration::from_secs(6));
    assert_eq!(health().status, 200, "{}", health().body);
    old.signal(Signal::STOP);
    await_that("it is not healthy", || health().status == 503);
    assert!(health().body.contains(&format!("process {}", old.id())));
    await_that("it is logged", || new.log().contains("does not turn"));
    old.signal(Signal::CONT);
    await_that("it is healthy", || health().status == 200);
    new.controller().pair(&json!({}));
    // What came meanwhile has waited.
    old.signal(Signal::STOP);
    let mut of_new = new.controller();
    of_new.begin_pair(&json!({}));
    thread::sleep(Duration::from_secs(1));
    old.signal(Signal::CONT);
    let ready = |of: &mut Controller| of.event(|event| event["event"] == "component_state_ready");
    let (one, other) = (ready(&mut of_new), ready(&mut of_new));
    assert_ne!(one["stream"], other["stream"]);
}

#[test]
fn whoever_is_nobody_takes_nothing_over() {
    let nowhere = Command::new(program())
        .args(["serve", "--takeover=/nonexistent/control.sock"])
        .output()
        .expect("it is built");
    let error = String::from_utf8_lossy(&nowhere.stderr);
    assert_eq!(nowhere.status.code(), Some(1), "{error}");
    assert!(error.contains("start without --takeover"), "{error}");

    let other_user = match OtherUser::new() {
        Ok(other_user) => other_user,
        Err(lacking) => return skip("whoever_is_nobody_takes_nothing_over", &lacking),
    };
    let socket = other_user.path("control.sock");
    let configuration = format!(
        "control.mode = \"0660\"\ncontrol.group = \"{}\"\n",
        OtherUser::ID
    );
    let daemon = Daemon::start(&plugins(), &configuration);
    fs::hard_link(daemon.socket(), &socket).expect("both are in one file system");
    other_user.does(
        "python3 - <<'end'\n\
         import socket\n\
         control = socket.socket(socket.AF_UNIX)\n\
         control.connect('control.sock')\n\
         control.sendall(b'{\"request\":\"status\"}\\n{\"request\":\"takeover\",\"step\":\"offer\"}\\n')\n\
         lines = control.makefile()\n\
         assert 'process' in lines.readline()\n\
         assert \"only a process of the daemon's own user\" in lines.readline()\n\
         end",
    );
    daemon.controller().pair(&json!({}));
}

#[test]
fn on_its_signal_a_daemon_starts_its_successor_which_speaks_for_the_service() {
    let place = tempfile::tempdir().expect("there is room");
    let notified = UnixDatagram::bind(place.path().join("notify")).expect("it is ours");
    notified
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("it is some time");
    let socket = place.path().join("control.sock");
    let port = handclasp_tests::free_port();
    let mut first = Command::new(program())
        .args(["serve", "--port", &port.to_string(), "--plugin-dir"])
        .arg(plugins())
        .arg("--socket")
        .arg(&socket)
        .env("NOTIFY_SOCKET", place.path().join("notify"))
        .env("WATCHDOG_USEC", "200000")
        .env("XDG_CACHE_HOME", place.path())
        .stderr(fs::File::create(place.path().join("log")).expect("there is room"))
        .spawn()
        .expect("it is built");
    let main_process = || loop {
        let mut message = [0; 1000];
        let length = notified.recv(&mut message).expect("it tells");
        let message = String::from_utf8_lossy(&message[..length]).into_owned();
        assert!(!message.contains("STOPPING"), "{message}");
        let main = message
            .lines()
            .find_map(|line| line.strip_prefix("MAINPID="));
        if let Some(main) = main {
            assert!(message.contains("READY=1"), "{message}");
            return main.parse::<u32>().expect("it is a process");
        }
    };
    assert_eq!(main_process(), first.id());
    let first_process = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(first_process, Signal::USR2).expect("it is a child");
    let second = main_process();
    assert_ne!(second, first.id());
    assert!(first.wait().expect("it is a child").success());
    let mut controller = Controller::connect(&socket);
    assert_eq!(status(&mut controller)["process"], second);
    // It goes on to feed the watchdog.
    let mut message = [0; 1000];
    let length = notified.recv(&mut message).expect("it tells");
    assert_eq!(&message[..length], b"WATCHDOG=1\n");
    controller.ask(&json!({"request": "shutdown"}));
    let mut log = String::new();
    await_that("it ends", || !socket.exists());
    let mut file = fs::File::open(place.path().join("log")).expect("it is there");
    file.read_to_string(&mut log).expect("it is text");
    assert!(
        log.contains(&format!("process {second} is to take over")),
        "{log}"
    );
}
