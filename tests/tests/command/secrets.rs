//! Secrets are given where nobody lists them, and are shown nowhere.
use crate::support::{Plugins, assert_succeeds, handclasp, json, text};
use handclasp_tests::processes::{Pair, Side, bytes};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

const SECRET: &str = "an-option-that-nobody-may-read";
/// What `tests/fixtures/babbler.c` agrees on.
const KEYS: &str = "Keys-of-32-bytes-nobody-may-know";
/// And what it exports.
const EXPORTED: &str = "Exported-32-bytes-for-nobody-too";
/// All that this program is made of, at its most talkative.
const EVERYTHING: &str = "trace,is=trace,stun_types=trace,stun_proto=trace,turn_types=trace,rustls=trace,mio=trace,\
                          [message_add_integrity_with_key]=trace";

/// A plugin that says its secrets in every way there is, and a file with its option.
struct Babbler {
    plugins: Plugins,
    place: TempDir,
}

impl Babbler {
    fn new(defines: &[&str]) -> Self {
        let plugins = Plugins::new();
        let library = handclasp_tests::fixture("babbler", defines);
        plugins.put(
            "babbler.so",
            &fs::read(library).expect("it was just compiled"),
        );
        let place = tempfile::tempdir().expect("the temporary directory is writable");
        fs::write(place.path().join("secret"), format!("{SECRET}\n")).expect("it is ours");
        Self { plugins, place }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// `secret=FILE`
    fn option_file(&self) -> String {
        format!("secret={}", self.file("secret").display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = handclasp(arguments);
        command.args(["--plugin", "babbler", "--plugin-dir", self.plugins.path()]);
        command.env("HANDCLASP_LOG", EVERYTHING);
        command
    }
}

/// Says what was said, but not where.
#[track_caller]
fn assert_hides(said: &[u8], secret: &str) {
    let said = String::from_utf8_lossy(said);
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", secret.as_bytes());
    let list = list.trim_matches(['[', ']']);
    let coded = handclasp_tests::processes::base64(secret.as_bytes());
    // The last digits of base64 have bits of what follows.
    let coded = &coded[..secret.len() * 8 / 6 / 4 * 4];
    for written in [secret, &hex, &hex.to_uppercase(), list, coded] {
        let place = said.lines().find(|line| line.contains(written));
        assert_eq!(place, None, "{written}");
    }
}

fn all(output: &Output) -> Vec<u8> {
    [&output.stdout[..], &output.stderr].concat()
}

#[test]
fn what_a_plugin_says_has_no_secret_in_it() {
    for (defines, code) in [(&[][..], 0), (&["FAILS"], 1), (&["FAILS_IN_INIT"], 3)] {
        let babbler = Babbler::new(defines);
        for json in [&[][..], &["--json"]] {
            let trace = babbler.file("trace");
            let mut demo = babbler.command(&["demo", "--option-file", &babbler.option_file()]);
            let output = demo.args(json).arg("--trace").arg(&trace).output();
            let output = output.expect("the command runs");
            assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
            let trace = fs::read(&trace).expect("it was recorded");
            for said in [&all(&output), &trace] {
                assert_hides(said, SECRET);
                assert_hides(said, KEYS);
            }
            let words = "it is [secret], or [secret], or [secret]";
            for said in [&output.stdout, &output.stderr] {
                assert!(text(said).contains(words), "{}", text(said));
            }
        }
    }
}

#[test]
fn no_level_of_the_log_shows_a_password_a_key_or_a_secret_option() {
    let babbler = Babbler::new(&[]);
    let logs = ["a", "b"].map(|name| babbler.file(name));
    let stream = |log: &PathBuf| {
        let mut stream = babbler.command(&["stream", "--address", "127.0.0.1"]);
        stream.stderr(File::create(log).expect("the directory is ours"));
        stream
    };
    let [mut a, mut b] = logs.each_ref().map(stream);
    let trace = babbler.file("trace");
    a.args(["--controlling", "--option-file", &babbler.option_file()]);
    a.arg("--trace").arg(&trace);
    b.env("HANDCLASP_OPTION_SECRET", SECRET);
    let mut pair = Pair::start([a, b], Some(Side::A));
    let mut secrets = vec![SECRET.to_owned(), KEYS.to_owned(), EXPORTED.to_owned()];
    for side in Side::BOTH {
        let told = pair.expect(side, "local_credentials");
        let credentials = told["credentials"].as_str().expect("a text");
        let (_, password) = credentials.split_once(' ').expect("two words");
        secrets.push(password.to_owned());
        let id = pair.process_id(side);
        let listed = fs::read(format!("/proc/{id}/cmdline")).expect("it runs");
        assert_hides(&listed, SECRET);
    }
    for side in Side::BOTH {
        pair.expect(side, "component_state_ready");
    }
    for side in Side::BOTH {
        let length = EXPORTED.len();
        pair.send(
            side,
            &serde_json::json!({"message": "export_key", "component_id": 1, "label": "a", "length": length}),
        );
        let key = pair.expect(side, "exported_key");
        assert_eq!(bytes(&key, "key"), EXPORTED.as_bytes());
    }
    for side in Side::BOTH {
        pair.end(side);
    }
    let said = fs::read(trace).expect("it was recorded");
    assert!(text(&said).contains("exported_key"), "{}", text(&said));
    secrets
        .iter()
        .for_each(|secret| assert_hides(&said, secret));
    for log in logs {
        let said = fs::read(log).expect("it is there");
        assert!(text(&said).contains("[secret]"), "{}", text(&said));
        assert!(text(&said).contains(" is::"), "{}", text(&said));
        secrets
            .iter()
            .for_each(|secret| assert_hides(&said, secret));
    }
}

#[test]
fn check_gives_a_secret_to_its_children_where_nobody_lists_it() {
    let babbler = Babbler::new(&[]);
    let file = babbler.plugins.file("babbler.so");
    let check = || {
        let mut check = handclasp(["check", "--json", "--only", "init"]);
        check.arg(&file);
        check
    };
    let (mut of_file, mut of_environment) = (check(), check());
    of_file.args(["--option-file", &babbler.option_file()]);
    of_environment.env("HANDCLASP_OPTION_SECRET", SECRET);
    for check in [&mut of_file, &mut of_environment] {
        let output = check.output().expect("the command runs");
        assert_succeeds(&output);
        assert!(!json(&output).is_empty());
    }
}

#[test]
fn a_secret_s_file_that_is_not_there_is_a_wrong_command_line() {
    let babbler = Babbler::new(&[]);
    let output = babbler
        .command(&["stream", "--option-file", "secret=/none"])
        .output();
    let output = output.expect("the command runs");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("/none cannot be read"), "{said}");
    assert!(
        said.contains("name a file with the value of the option `secret`"),
        "{said}"
    );
}
