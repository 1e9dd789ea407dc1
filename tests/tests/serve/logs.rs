//! The daemon's log.
use base64::prelude::{BASE64_STANDARD, Engine as _};
use handclasp_tests::{Daemon, await_that, plugins};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Its lines, each one object.
fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    // The last one may not be whole yet.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn has(file: &Path, sentence: &str) -> bool {
    let lines = lines(file);
    let mut messages = lines.iter().filter_map(|line| line["message"].as_str());
    messages.any(|message| message.contains(sentence))
}

#[test]
fn json_lines_go_to_a_file_that_is_opened_anew_when_that_is_asked_for() {
    let place = tempfile::tempdir().expect("there is room");
    let file = place.path().join("handclasp.log");
    let config = format!("log.file = {file:?}\nlog.format = \"json\"\nlog.level = \"debug\"\n");
    let mut daemon = Daemon::start(&plugins(), &config);
    await_that("it is logged", || has(&file, "handclasp"));
    let mode = fs::metadata(&file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.controller().pair(&json!({}));
    await_that("what has happened is logged", || has(&file, "stream_ready"));
    for line in lines(&file) {
        for field in ["time", "level", "target", "message"] {
            assert!(line[field].is_string(), "{line}");
        }
    }
    let named = lines(&file);
    let mut with_fields = named.iter().filter(|line| line["fields"].is_object());
    assert!(with_fields.any(|line| line["fields"]["stream"].is_string()));

    let old = place.path().join("handclasp.log.1");
    fs::rename(&file, &old).expect("both are in one directory");
    daemon.signal(Signal::USR1);
    await_that("the log goes on", || has(&file, "the log goes on here"));
    let before = lines(&old).len();
    daemon.controller().pair(&json!({}));
    await_that("it goes on there", || has(&file, "stream_ready"));
    assert_eq!(lines(&old).len(), before);

    // Standard error has nothing, and nothing of what is secret is anywhere.
    assert_eq!(daemon.log(), "");
    daemon.signal(Signal::TERM);
    assert!(daemon.wait().success());
    let config = fs::read_to_string(daemon.config()).expect("it is there");
    assert!(config.contains("log.level"));
}

#[test]
fn a_reload_changes_what_is_logged_and_where() {
    let place = tempfile::tempdir().expect("there is room");
    let file = place.path().join("new.log");
    let daemon = Daemon::start(&plugins(), "log.format = \"json\"\nlog.level = \"warn\"\n");
    daemon.controller().pair(&json!({}));
    assert_eq!(daemon.log(), "", "nothing is to be warned of");
    let config = fs::read_to_string(daemon.config()).expect("it is there");
    let config = config.replace("\"warn\"", "\"debug\"") + &format!("log.file = {file:?}\n");
    fs::write(daemon.config(), config).expect("there is room");
    assert!(daemon.ctl(&["reload"]).status.success());
    daemon.controller().pair(&json!({}));
    await_that("it is logged there", || has(&file, "stream_ready"));
}

#[test]
fn a_file_that_others_can_change_is_no_log() {
    let place = tempfile::tempdir().expect("there is room");
    let file = place.path().join("handclasp.log");
    fs::write(&file, "").expect("there is room");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("it is ours");
    let config = place.path().join("handclasp.toml");
    fs::write(&config, format!("log.file = {file:?}\n")).expect("there is room");
    let output = std::process::Command::new(handclasp_tests::program())
        .args(["serve", "--config"])
        .arg(&config)
        .output()
        .expect("it is built");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("cannot be opened for the log"), "{error}");
}

/// Passwords, keys and tokens of a busy session, looked for in all that is logged at the most talkative level.
#[test]
fn no_secret_is_logged_in_json_either() {
    let place = tempfile::tempdir().expect("there is room");
    let file = place.path().join("handclasp.log");
    let config = format!(
        "log.file = {file:?}\nlog.format = \"json\"\nlog.level = \"trace,is=trace,stun_types=trace,stun_proto=trace\"\n"
    );
    let daemon = Daemon::start(&plugins(), &config);
    let mut controller = daemon.controller();
    let [one, _] = controller.pair(&json!({}));
    let mut secrets = Vec::new();
    while let Some(event) = controller.next_event(std::time::Duration::from_millis(200)) {
        if event["event"] == "local_credentials" {
            let credentials = event["credentials"].as_str().expect("they are text");
            secrets.extend(credentials.split(' ').nth(1).map(str::to_owned));
        }
        secrets.extend(event["handshake_data"].as_str().map(str::to_owned));
    }
    controller.ask(&json!({"request": "attach", "stream": one}));
    assert!(secrets.len() >= 2, "{secrets:?}");
    await_that("what has happened is logged", || has(&file, "stream_ready"));
    let text = fs::read_to_string(&file).expect("it is there");
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "{secret}");
        // Nor as bytes are written by programs.
        let bytes = BASE64_STANDARD.decode(secret).unwrap_or_default();
        if !bytes.is_empty() {
            let list = format!("{bytes:?}");
            let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            for written in [list.trim_matches(['[', ']']), &hexadecimal] {
                assert!(!text.contains(written), "{secret} as {written}");
            }
        }
    }
}
