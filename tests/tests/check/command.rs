//! The command, run as an author runs it.
use handclasp_tests::{program, target_directory};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// What a check reported.
pub(crate) struct Report {
    pub(crate) code: Option<i32>,
    json: Value,
}

impl Report {
    /// Name and sentence of each finding and warning, in the order of the table.
    pub(crate) fn findings(&self) -> Vec<(&str, &str)> {
        self.checks()
            .filter(|check| check["result"] == "finding" || check["result"] == "warning")
            .map(|check| (text(&check["name"]), text(&check["found"])))
            .collect()
    }

    /// The checks that ran.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.checks().map(|check| text(&check["name"]))
    }

    /// How the check of this name ended.
    pub(crate) fn result(&self, name: &str) -> &str {
        text(&self.check(name)["result"])
    }

    /// All that is told of the check of this name.
    pub(crate) fn check(&self, name: &str) -> &Value {
        let mut checks = self.checks();
        let check = checks.find(|check| check["name"] == name);
        check.unwrap_or_else(|| panic!("{name} did not run"))
    }

    pub(crate) fn get(&self, key: &str) -> &Value {
        &self.json[key]
    }

    fn checks(&self) -> impl Iterator<Item = &Value> {
        self.json["checks"].as_array().expect("a list").iter()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Checks a library, by these arguments besides.
pub(crate) fn check(library: &Path, arguments: &[&str]) -> Report {
    let output = handclasp(&[&["--json"], arguments].concat(), library);
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let words = String::from_utf8_lossy(&output.stderr);
        panic!("the report is no JSON ({error}); it said: {words}")
    });
    Report {
        code: output.status.code(),
        json,
    }
}

/// Runs `handclasp check` and waits for its end.
pub(crate) fn handclasp(arguments: &[&str], library: &Path) -> Output {
    Command::new(program())
        .arg("check")
        .args(arguments)
        .arg(library)
        .output()
        .expect("it was just built")
}

/// Builds in the release profile, where all tests are.
pub(crate) fn cargo(what: &[&str]) {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release"])
        .args(what)
        .env("CARGO_TARGET_DIR", target_directory())
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo build {what:?} fails"
    );
}
