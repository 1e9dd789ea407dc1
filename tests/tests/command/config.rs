//! `handclasp config`.
use crate::support::{assert_fails, assert_succeeds, handclasp, json, run, text};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// A configuration file in a directory of its own.
struct Settings(TempDir);

impl Settings {
    fn new(text: &str) -> Self {
        let settings = Self(tempfile::tempdir().expect("the temporary directory is writable"));
        settings.put("handclasp.toml", text, 0o600);
        settings
    }

    fn put(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).expect("the directory is ours");
        let mode = Permissions::from_mode(mode);
        fs::set_permissions(self.path(name), mode).expect("it is ours");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self) -> String {
        self.path("handclasp.toml").display().to_string()
    }
}

#[test]
fn the_example_is_good() {
    let example = run(&["config", "example"]);
    assert_succeeds(&example);
    let settings = Settings::new(&text(&example.stdout));
    let output = run(&["config", "check", &settings.file()]);
    assert_succeeds(&output);
    assert_eq!(text(&output.stdout), format!("{}: good\n", settings.file()));
    let output = run(&["config", "check", "--json", &settings.file()]);
    assert_succeeds(&output);
    let good =
        json!({"file": settings.file(), "good": true, "errors": [], "left_out": 0, "warnings": []});
    assert_eq!(json(&output), [good]);
}

#[test]
fn all_errors_are_told_at_once_with_their_lines() {
    let settings = Settings::new("[listen]\nprot = 1\n\n[timeouts]\nice = 30\n");
    let file = settings.file();
    let output = run(&["config", "check", &file]);
    let sentence = format!("{file} cannot be used: 2 faults in it or in what it names");
    assert_fails(&output, 2, &sentence);
    let duration = "30 cannot be used here: give a duration from \"1ms\" to \"1d\", with its unit: ms, s, min, h or d";
    let lines = format!(
        "{file}:2:1: listen.prot: there is no such key: did you mean `port`?\n{file}:5:7: timeouts.ice: {duration}\n"
    );
    assert_eq!(text(&output.stdout), lines);
    let output = run(&["config", "check", "--json", &file]);
    assert_fails(&output, 2, &sentence);
    let object = &json(&output)[0];
    assert_eq!(object["good"], false);
    let error =
        json!({"file": file, "line": 5, "column": 7, "key": "timeouts.ice", "error": duration});
    assert_eq!(object["errors"][1], error);
}

#[test]
fn what_it_names_is_looked_at_unless_only_its_syntax_matters() {
    let settings = Settings::new(
        "[[servers.turn]]\nuri = \"turn:u@relay.example\"\npassword-file = \"password\"\n\
         [control]\ntcp = \"127.0.0.1:1\"\ntoken-file = \"token\"\n\
         [plugins]\ndirectories = [\"plugins\"]\nlock = \"plugins.lock\"\n",
    );
    let file = settings.file();
    let output = run(&["config", "check", &file]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stdout);
    for key in [
        "servers.turn",
        "control.token-file",
        "plugins.directories",
        "plugins.lock",
    ] {
        assert!(said.contains(&format!("{file}: {key}: ")), "{key}: {said}");
    }
    assert_succeeds(&run(&["config", "check", "--syntax-only", &file]));

    settings.put("password", "swordfish\n", 0o600);
    settings.put("token", "0123456789abcdef\n", 0o600);
    settings.put("plugins.lock", "", 0o644);
    fs::create_dir(settings.path("plugins")).expect("the directory is ours");
    assert_succeeds(&run(&["config", "check", &file]));
    settings.put("token", "short\n", 0o600);
    settings.put("plugins.lock", "\nplugin = 1\n", 0o644);
    let said = text(&run(&["config", "check", &file]).stdout);
    assert!(said.contains("needs at least 16 characters"), "{said}");
    assert!(
        said.contains("plugins.lock:2: this is no list of plugins"),
        "{said}"
    );
    settings.put("password", "swordfish\n", 0o606);
    let said = text(&run(&["config", "check", &file]).stdout);
    assert!(said.contains("others may change it"), "{said}");
}

#[test]
fn who_else_could_read_or_change_it_is_told() {
    let settings = Settings::new(
        "[[servers.turn]]\nuri = \"turn:u@relay.example\"\npassword = \"swordfish\"\n",
    );
    let (file, check) = (settings.file(), |file: &str| {
        run(&["config", "check", file])
    });
    assert_eq!(text(&check(&file).stdout), format!("{file}: good\n"));
    let mode = |mode| fs::set_permissions(&file, Permissions::from_mode(mode)).expect("it is ours");
    mode(0o644);
    let output = check(&file);
    assert_succeeds(&output);
    let said = text(&output.stdout);
    assert!(
        said.contains("warning: ") && said.contains("its mode 0644 lets others read it"),
        "{said}"
    );
    assert!(!said.contains("swordfish"), "{said}");
    mode(0o646);
    let output = check(&file);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stdout).contains("others may change it"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn variables_that_are_not_set_here_are_told() {
    let settings = Settings::new("[plugin.mine.options]\npsk = { env = \"HANDCLASP_TEST_PSK\" }\n");
    let mut command = handclasp(["config", "check", &settings.file()]);
    let output = command
        .env_remove("HANDCLASP_TEST_PSK")
        .output()
        .expect("the command runs");
    assert_succeeds(&output);
    let said = text(&output.stdout);
    assert!(
        said.contains(
            "warning: plugin.mine.options.psk is in the environment's HANDCLASP_TEST_PSK"
        ),
        "{said}"
    );
    let output = command
        .env("HANDCLASP_TEST_PSK", "x")
        .output()
        .expect("the command runs");
    assert_eq!(text(&output.stdout), format!("{}: good\n", settings.file()));
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_name() {
    let output = run(&["config", "check", "/none.toml"]);
    assert_fails(
        &output,
        2,
        "/none.toml cannot be used: 1 fault in it or in what it names",
    );
    let said = text(&output.stdout);
    assert!(
        said.starts_with("/none.toml: the configuration cannot be read ("),
        "{said}"
    );
}
