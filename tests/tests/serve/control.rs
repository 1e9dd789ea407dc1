//! The control socket.
use handclasp_tests::{Daemon, OtherUser, await_that, plugins, skip};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

/// What a request is refused with.
fn refusal(response: &Value) -> (&str, &str) {
    let field = |name: &str| response[name].as_str().unwrap_or_default();
    (field("kind"), field("error"))
}

#[test]
fn two_lines_of_ctl_connect_two_streams_of_the_daemon() {
    let daemon = Daemon::start(&plugins(), "");
    let ctl = |arguments: &[&str]| {
        let output = daemon.ctl(arguments);
        let text = String::from_utf8(output.stdout).expect("it is text");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {errors}{}",
            daemon.log()
        );
        text
    };
    assert_eq!(ctl(&["open", "alice"]), "alice\n");
    assert_eq!(ctl(&["open", "bob", "--connect", "alice"]), "bob\n");
    await_that("both are ready", || {
        let streams: Value =
            serde_json::from_str(&ctl(&["streams", "--json"])).expect("it is JSON");
        let streams = streams["streams"].as_array().expect("it is a list");
        assert_eq!(streams.len(), 2);
        streams.iter().all(|stream| stream["state"] == "ready")
    });
    let shown = ctl(&["stream", "bob"]);
    assert!(shown.contains("bob with dtls-srtp generation 1"), "{shown}");
    ctl(&["stop", "alice"]);
    await_that("it is gone", || !ctl(&["streams"]).contains("alice"));
    let output = daemon.ctl(&["stop", "alice"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("there is no stream \"alice\""), "{error}");
}

#[test]
fn payloads_of_many_streams_travel_on_one_connection() {
    let daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    let pairs: Vec<_> = (0..10).map(|_| controller.pair(&json!({}))).collect();
    for [one, other] in &pairs {
        for (from, to) in [(one, other), (other, one)] {
            let payload = "gGAAAQ==";
            controller.send(&json!({"stream": from, "message": "send_payload", "component_id": 1, "payload": payload}));
            let event = controller.event(|event| event["event"] == "ice_payload");
            assert_eq!(
                (event["stream"].as_str(), &event["payload"]),
                (Some(to.as_str()), &json!(payload))
            );
        }
    }
}

#[test]
fn the_end_of_a_connection_stops_its_streams_but_detached_ones() {
    let daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    controller.pair(&json!({}));
    let detached = controller.pair(&json!({"detached": true}));
    drop(controller);
    let mut other = daemon.controller();
    await_that("two are left", || {
        other.ask(&json!({"request": "status"}))["streams"] == 2
    });
    let [one, _] = &detached;
    let attached = other.ask(&json!({"request": "attach", "stream": one}));
    assert_eq!(attached["state"], "ready", "{attached}");
    let is_its = |name: &'static str| {
        let one = one.clone();
        move |event: &Value| event["event"] == name && event["stream"] == one.as_str()
    };
    other.event(is_its("local_credentials"));
    other.event(is_its("new_candidate_full"));
    let data = other.event(is_its("handshake_data"));
    assert!(
        data["handshake_data"]
            .as_str()
            .is_some_and(|data| !data.is_empty())
    );
    other.send(&json!({"stream": one, "message": "stop"}));
    other.event(is_its("stopped"));
}

#[test]
fn whatever_comes_is_answered_and_the_connection_goes_on() {
    let daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    let asked = controller.ask(&json!({"request": "opne", "id": 7}));
    assert_eq!(asked["id"], 7);
    assert_eq!(refusal(&asked).0, "request");
    let unknown = controller.ask(&json!({"request": "open", "plugin": "dtls-srtq"}));
    assert_eq!(refusal(&unknown).0, "plugin");
    assert!(refusal(&unknown).1.contains("there are "), "{unknown}");
    let named = controller.ask(&json!({"request": "open", "name": "a"}));
    assert_eq!(named["stream"], "a");
    let again = controller.ask(&json!({"request": "open", "name": "a"}));
    assert_eq!(refusal(&again).0, "name_taken");
    let wrong = controller.ask(&json!({"request": "open", "name": "a b"}));
    assert_eq!(refusal(&wrong).0, "options");
    let options = controller.ask(&json!({"request": "open", "options": {"nosuch": "1"}}));
    assert_eq!(refusal(&options).0, "plugin", "{options}");
    controller.send(&json!({"stream": "nobody", "message": "stop"}));
    let complaint = controller.event(|event| event["event"] == "error");
    assert_eq!(
        (&complaint["stream"], &complaint["line"]),
        (&json!("nobody"), &json!(7))
    );
    controller.send(&json!({"stream": "a", "message": "stpo"}));
    let complaint = controller.event(|event| event["event"] == "error");
    assert!(
        complaint["error"]
            .as_str()
            .is_some_and(|error| error.contains("did you mean \"stop\""))
    );
    controller.send(&json!([1, 2]));
    assert_eq!(
        controller.event(|event| event["event"] == "error")["line"],
        9
    );
    controller.send(&json!({"message": "stop"}));
    let complaint = controller.event(|event| event["event"] == "error");
    assert!(
        complaint["error"]
            .as_str()
            .is_some_and(|error| error.contains("\"stream\""))
    );
    assert_eq!(controller.ask(&json!({"request": "status"}))["streams"], 1);
}

#[test]
fn a_half_line_is_not_obeyed_and_one_that_never_ends_takes_no_memory() {
    let daemon = Daemon::start(&plugins(), "");
    let mut half = UnixStream::connect(daemon.socket()).expect("it listens");
    half.write_all(b"{\"request\":\"open\",\"detached\":true}")
        .expect("it reads");
    drop(half);
    let mut endless = UnixStream::connect(daemon.socket()).expect("it listens");
    // Its plugins are loaded by then.
    let mut controller = daemon.controller();
    controller.ask(&json!({"request": "status"}));
    let before = handclasp_tests::resident(daemon.id());
    for _ in 0..64 {
        endless.write_all(&[b'x'; 1 << 20]).expect("it reads");
    }
    let grown = handclasp_tests::resident(daemon.id()).saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes");
    endless
        .write_all(b"\n{\"request\":\"status\"}\n")
        .expect("it reads");
    let mut controller = daemon.controller();
    assert_eq!(controller.ask(&json!({"request": "status"}))["streams"], 0);
}

#[test]
fn whoever_never_reads_loses_its_connection_and_its_streams_and_nobody_else_does() {
    let daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    let [one, other] = controller.pair(&json!({}));
    let mut silent = UnixStream::connect(daemon.socket()).expect("it listens");
    silent
        .write_all(b"{\"request\":\"subscribe\"}\n{\"request\":\"open\",\"name\":\"silent\"}\n")
        .expect("it reads");
    // Opens that are refused are news: so many of them find no room.
    let refused = json!({"request": "open", "plugin": "x".repeat(10_000)});
    await_that("its stream is gone", || {
        for _ in 0..100 {
            controller.ask(&refused);
        }
        controller
            .ask(&json!({"request": "stream", "stream": "silent"}))
            .get("error")
            .is_some()
    });
    controller.send(&json!({"stream": one, "message": "send_payload", "component_id": 1, "payload": "gGAAAQ=="}));
    controller.event(|event| event["event"] == "ice_payload" && event["stream"] == other.as_str());
    let mut rest = Vec::new();
    silent
        .read_to_end(&mut rest)
        .expect("it was closed in order");
}

#[test]
fn a_thousand_controllers_are_served() {
    let daemon = Daemon::start(&plugins(), "");
    let mut controllers: Vec<_> = (0..1000).map(|_| daemon.controller()).collect();
    for (number, controller) in controllers.iter_mut().enumerate() {
        controller
            .send(&json!({"request": "open", "plugin": "none", "name": format!("s{number}")}));
    }
    for (number, controller) in controllers.iter_mut().enumerate() {
        assert_eq!(controller.response()["stream"], format!("s{number}"));
    }
    let mut last = controllers.pop().expect("there are a thousand");
    drop(controllers);
    await_that("its own stream is left", || {
        last.ask(&json!({"request": "status"}))["streams"] == 1
    });
}

#[test]
fn other_users_are_kept_out() {
    let other = match OtherUser::new() {
        Ok(other) => other,
        Err(lacking) => return skip("other_users_are_kept_out", &lacking),
    };
    let daemon = Daemon::start(&plugins(), "");
    let mode = fs::metadata(daemon.socket())
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    // The directory would keep them out as well.
    let directory = daemon.socket().parent().expect("it is in one");
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let script = format!(
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect({:?})' 2>&1 | grep -q PermissionError",
        daemon.socket()
    );
    other.does(&script);
}

#[test]
fn over_tcp_the_token_is_needed() {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = port.expect("there are ports left");
    let token = tempfile::NamedTempFile::new().expect("there is room");
    fs::write(token.path(), "a-token-of-some-length-that-is-not-guessed\n").expect("there is room");
    let configuration = format!(
        "control.tcp = \"{address}\"\ncontrol.token-file = {:?}\n",
        token.path()
    );
    let _daemon = Daemon::start(&plugins(), &configuration);
    let ask = |first: &str| {
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("it is some time");
        let lines = format!("{first}\n{{\"request\":\"status\"}}\n");
        let _ = stream.write_all(lines.as_bytes()); // it may be closed already
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answers = String::new();
        let _ = stream.read_to_string(&mut answers); // what was not read resets it
        answers
    };
    let right = ask(
        "{\"request\":\"authenticate\",\"token\":\"a-token-of-some-length-that-is-not-guessed\"}",
    );
    assert!(right.contains("\"response\":\"status\""), "{right}");
    for wrong in [
        "{\"request\":\"authenticate\",\"token\":\"a-token\"}",
        "{\"request\":\"status\"}",
        "x",
    ] {
        let answers = ask(wrong);
        assert!(
            !answers.contains("\"response\":\"status\""),
            "{wrong}: {answers}"
        );
    }
}

#[test]
fn a_second_daemon_does_not_take_the_place_of_the_first_and_one_that_was_killed_leaves_it_free() {
    let daemon = Daemon::start(&plugins(), "");
    let second = Command::new(handclasp_tests::program())
        .args(["serve", "--config"])
        .arg(daemon.config())
        .output()
        .expect("it is built");
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8_lossy(&second.stderr);
    let expected = format!(
        "is the control socket of another daemon (process {})",
        daemon.id()
    );
    assert!(error.contains(&expected), "{error}");
    let place = daemon.kill();
    assert!(
        place.path().join("control.sock").exists(),
        "it had no time to remove it"
    );
    let mut daemon = Daemon::start_in(place, &plugins(), "");
    daemon.controller().pair(&json!({}));
    daemon.signal(Signal::TERM);
    assert!(daemon.wait().success(), "{}", daemon.log());
    assert!(!daemon.socket().exists());
}

#[test]
fn a_port_that_is_in_use_is_told_with_who_has_it() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("there are ports left");
    let port = taken.local_addr().expect("it is bound").port();
    let place = tempfile::tempdir().expect("there is room");
    let config = place.path().join("handclasp.toml");
    let text = format!("[listen]\nport = {port}\naddresses = [\"127.0.0.1\"]\n");
    fs::write(&config, text).expect("there is room");
    let started = Command::new(handclasp_tests::program())
        .args(["serve", "--config"])
        .arg(config)
        .arg("--plugin-dir")
        .arg(plugins())
        .arg("--socket")
        .arg(place.path().join("control.sock"))
        .output()
        .expect("it is built");
    assert_eq!(started.status.code(), Some(1));
    let error = String::from_utf8_lossy(&started.stderr);
    let expected = format!("UDP port {port} is in use by ");
    assert!(error.contains(&expected), "{error}");
    assert!(
        error.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
}

#[test]
fn it_drains_or_ends_at_once_as_it_is_told() {
    let mut daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    let [one, other] = controller.pair(&json!({}));
    daemon.signal(Signal::QUIT);
    await_that("it drains", || {
        controller.ask(&json!({"request": "status"}))["draining"] == true
    });
    assert_eq!(
        refusal(&controller.ask(&json!({"request": "open"}))).0,
        "draining"
    );
    controller.send(&json!({"stream": one, "message": "send_payload", "component_id": 1, "payload": "gGAAAQ=="}));
    controller.event(|event| event["event"] == "ice_payload" && event["stream"] == other.as_str());
    for name in [&one, &other] {
        controller.send(&json!({"stream": name, "message": "stop"}));
    }
    assert!(daemon.wait().success(), "{}", daemon.log());

    let mut daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    let names = controller.pair(&json!({}));
    daemon.signal(Signal::TERM);
    for name in &names {
        controller.event(|event| {
            event["event"] == "component_closed" && event["stream"] == name.as_str()
        });
        controller.event(|event| event["event"] == "stopped" && event["stream"] == name.as_str());
    }
    assert!(daemon.wait().success(), "{}", daemon.log());
}
