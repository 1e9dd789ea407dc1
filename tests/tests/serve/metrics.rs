//! The daemon's metrics, as Debian's Prometheus reads them.
use handclasp_tests::{Daemon, Prometheus, fixture, free_port, free_tcp_address, http, is_had};
use serde_json::json;
use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::process::{Command, Stdio};

const DOCUMENTATION: &str = include_str!("../../../docs/operations.md");

/// The metrics that the documentation lists: name, kind, and labels.
fn documented() -> Vec<(&'static str, &'static str, String)> {
    let rows = DOCUMENTATION.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = fields.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        let is_metric = name.starts_with("handclasp_") || name.starts_with("process_");
        is_metric.then(|| Some((name, *fields.get(2)?, fields.get(3)?.replace('`', ""))))?
    });
    rows.collect()
}

#[test]
fn prometheus_scrapes_every_metric_and_each_moves_with_what_it_counts() {
    let address = free_tcp_address();
    let started = Prometheus::start(address);
    if !is_had(started.as_ref().map(drop).map_err(Clone::clone)) {
        return;
    }
    let prometheus = started.expect("it is there");
    let directory = tempfile::tempdir().expect("there is room");
    let file = directory.path().join("greeting.so");
    let version = |number: u32| fixture("greeting", &[&format!("VERSION=\"{number}.0.0\"")]);
    fs::copy(version(1), &file).expect("there is room");
    let port = free_port();
    let daemon = Daemon::start(
        directory.path(),
        &format!(
            "plugins.default = \"greeting\"\nlisten.port = {port}\nmetrics.listen = \"{address}\"\n"
        ),
    );
    let is = |expected: f64| move |value: f64| value == expected;
    let is_some = |value: f64| value > 0.0;

    // Opened, and ready.
    let mut controller = daemon.controller();
    let pair = controller.pair(&json!({}));
    let of_first = r#"{plugin="greeting",generation="1"}"#;
    let expect = |name: &str, labels: &str, value| {
        prometheus.await_value(&format!("{name}{labels}"), is(value));
    };
    expect("handclasp_stream_opens_total", of_first, 2.0);
    expect("handclasp_streams", r#"{state="ready"}"#, 2.0);
    expect(
        "handclasp_stream_outcomes_total",
        r#"{outcome="ready"}"#,
        2.0,
    );
    expect("handclasp_stream_ready_seconds_count", of_first, 2.0);
    expect("handclasp_stream_connect_seconds_count", of_first, 2.0);
    expect("handclasp_plugin_calls_total", r#"{call="init"}"#, 2.0);
    expect("handclasp_control_connections", "", 1.0);
    prometheus.await_value(
        r#"handclasp_plugin_call_seconds_total{call="init"}"#,
        is_some,
    );
    for direction in ["in", "out"] {
        let labels = format!("{{direction=\"{direction}\"}}");
        prometheus.await_value(&format!("handclasp_datagrams_total{labels}"), is_some);
        prometheus.await_value(&format!("handclasp_datagram_bytes_total{labels}"), is_some);
    }

    // Failed: nobody is where the peer is said to be.
    let opened =
        controller.ask(&json!({"request": "open", "controlling": true, "ice_timeout": 0.5}));
    let stream = opened["stream"].as_str().expect("it was opened").to_owned();
    controller.send(&json!({
        "stream": stream, "message": "set_remote_credentials",
        "credentials": "F7gI x9cml/YzichV2+XlhiMu8g", "generation": 0,
    }));
    controller.send(&json!({
        "stream": stream, "message": "set_remote_candidate", "component_id": 1,
        "candidate": format!("candidate:1 1 udp 2130706431 127.0.0.1 {} typ host", free_port()),
    }));
    expect("handclasp_stream_outcomes_total", r#"{outcome="ice"}"#, 1.0);
    expect("handclasp_component_failures_total", r#"{kind="ice"}"#, 1.0);

    // Refused.
    controller.ask(&json!({"request": "open", "plugin": "nosuch"}));
    expect("handclasp_opens_refused_total", r#"{reason="plugin"}"#, 1.0);

    // Dropped: from a stranger.
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("there are ports left");
    for _ in 0..5 {
        let sent = stranger.send_to(&[0x80; 40], ("127.0.0.1", port));
        sent.expect("loopback takes it");
    }
    prometheus.await_value(
        r#"handclasp_datagrams_dropped_total{cause="stray"}"#,
        is_some,
    );

    // Read again, and a file that cannot be used.
    assert!(daemon.ctl(&["reload"]).status.success());
    expect("handclasp_config_reloads_total", "", 1.0);
    fs::write(directory.path().join("broken.so"), "no library").expect("there is room");
    prometheus.await_value("handclasp_plugin_refusals_total", is_some);

    // All that the documentation names is there by now.
    for (name, kind, _) in documented() {
        let series = match kind {
            "histogram" => format!("{name}_bucket"),
            _ => name.to_owned(),
        };
        prometheus.await_value(&format!("count({series})"), is_some);
    }

    // Exchanged: the old generation's series end with its last stream.
    let draft = directory.path().join("greeting.new");
    fs::copy(version(2), &draft).expect("there is room");
    fs::rename(&draft, &file).expect("both are in one directory");
    expect(
        "handclasp_generations_loaded_total",
        r#"{plugin="greeting"}"#,
        2.0,
    );
    expect(
        "handclasp_plugin_current_generation",
        r#"{plugin="greeting"}"#,
        2.0,
    );
    prometheus.await_value(r#"count({generation="1"})"#, is_some);
    controller.pair(&json!({}));
    expect("handclasp_stream_opens_total", r#"{generation="2"}"#, 2.0);
    for stream in pair.iter().chain([&stream]) {
        controller.send(&json!({"stream": stream, "message": "stop"}));
    }
    expect(
        "handclasp_generations_ended_total",
        r#"{plugin="greeting"}"#,
        1.0,
    );
    handclasp_tests::await_that("its series have ended", || {
        prometheus.query(r#"{generation="1"}"#).is_empty()
    });
    expect("handclasp_stream_opens_total", r#"{generation="2"}"#, 2.0);
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    if !handclasp_tests::is_here("promtool", "prometheus") {
        return;
    }
    let address = free_tcp_address();
    let daemon = Daemon::start(
        &handclasp_tests::plugins(),
        &format!("metrics.listen = \"{address}\"\n"),
    );
    daemon.controller().pair(&json!({}));
    let answer = http::get(address, "/metrics").expect("it is answered");
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was just run");
    let mut input = promtool.stdin.take().expect("it is a pipe");
    input.write_all(answer.body.as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
    assert!(output.status.success());
    // What is said of a label is in the documentation.
    for (name, _, labels) in documented() {
        let lines = answer.body.lines();
        for line in lines.filter(|line| line.starts_with(&format!("{name}{{"))) {
            let (_, rest) = line.split_once('{').expect("it is there");
            let (given, _) = rest.rsplit_once('}').expect("it is there");
            for label in given.split(',') {
                let (label, _) = label.split_once('=').expect("it has a value");
                assert!(labels.split(", ").any(|known| known == label), "{line}");
            }
        }
    }
}
