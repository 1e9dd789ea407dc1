//! `handclasp plugins lock`, and `plugins list --explain`.
use crate::support::{Plugins, assert_fails, assert_succeeds, hello, json, run, text};
use handclasp_tests::{is_here, text as plain};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[track_caller]
fn lock(plugins: &Plugins, file: &Path, more: &[&str]) -> std::process::Output {
    let file = file.display().to_string();
    let arguments = [
        "plugins",
        "lock",
        "--plugin-dir",
        plugins.path(),
        "--output",
        &file,
    ];
    run(&[&arguments[..], more].concat())
}

/// The file of each plugin with its verdict.
fn explained(plugins: &Plugins, more: &[&str]) -> Vec<(String, String)> {
    let arguments = [
        "plugins",
        "list",
        "--explain",
        "--json",
        "--plugin-dir",
        plugins.path(),
    ];
    let output = run(&[&arguments[..], more].concat());
    let object = &json(&output)[0];
    let name = |file: &Value| {
        let file = Path::new(file.as_str().expect("a path is text"));
        file.file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned()
    };
    let files = object["files"].as_array().expect("a list").iter();
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    files
        .map(|file| (name(&file["file"]), word(&file["verdict"])))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(file, verdict): &(&str, &str)| ((*file).to_owned(), (*verdict).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn a_lock_lists_what_is_there_and_says_what_it_changes() {
    let plugins = Plugins::new();
    plugins.compile("hello.so", &hello("1.0.0"));
    plugins.compile("open.so", &hello("1.0.0"));
    fs::set_permissions(plugins.file("open.so"), Permissions::from_mode(0o666))
        .expect("it is ours");
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("plugins.lock");
    let shown = file.display();

    let output = lock(&plugins, &file, &["--check"]);
    let outdated = format!("{shown} is not up to date: without --check this command writes it");
    assert_fails(&output, 1, &outdated);
    assert!(!file.exists(), "--check writes nothing");

    let output = lock(&plugins, &file, &[]);
    assert_succeeds(&output);
    let said = text(&output.stdout);
    let lines: Vec<_> = said.lines().collect();
    let source = plugins.file("hello.so");
    assert!(
        lines[0].starts_with("added    hello 1.0.0, SHA-256 ")
            && lines[0].ends_with(&format!(", {}", source.display())),
        "{said}"
    );
    assert!(
        lines[1].starts_with("refused  ") && lines[1].contains("can be changed by other users"),
        "{said}"
    );
    assert_eq!(
        lines[2],
        format!("{shown} lists 1 plugin: 1 added, 0 changed, 0 removed")
    );
    let mode = fs::metadata(&file)
        .expect("it was written")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o644);
    let digest = json(&run(&[
        "plugins",
        "inspect",
        "--json",
        &source.display().to_string(),
    ]))[0]["sha256"]
        .clone();
    let written = fs::read_to_string(&file).expect("it was written");
    assert!(written.contains(&format!("sha256 = {digest}")), "{written}");
    assert_succeeds(&lock(&plugins, &file, &["--check"]));

    // A text in place of the path stays for as long as the file does.
    let mine = written.replace(&source.display().to_string(), "built by us");
    fs::write(&file, &mine).expect("it is ours");
    assert_succeeds(&lock(&plugins, &file, &[]));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), mine);

    plugins.compile("hello.so", &hello("1.1.0"));
    plugins.compile("none.so", &hello("2.0.0").replace("\"hello\"", "\"none\""));
    let output = lock(&plugins, &file, &["--json", "--check"]);
    assert_fails(&output, 1, &outdated);
    let object = &json(&output)[0];
    assert_eq!(
        (&object["up_to_date"], &object["file"]),
        (&json!(false), &json!(file))
    );
    assert_eq!(object["plugins"].as_array().map(Vec::len), Some(2));
    assert_eq!(object["refused"].as_array().map(Vec::len), Some(1));
    assert_eq!(object["removed"][0]["version"], "1.0.0");
    assert_eq!(object["added"][0]["version"], "1.1.0");
    assert_eq!(
        fs::read_to_string(&file).expect("it is there"),
        mine,
        "--check writes nothing"
    );
}

#[test]
fn a_lock_of_nothing_is_not_written() {
    let plugins = Plugins::new();
    let file = plugins.file("plugins.lock");
    let output = lock(&plugins, &file, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(!file.exists());
    plugins.compile("hello.so", &hello("1.0.0"));
    fs::write(&file, "not a list").expect("the directory is ours");
    let output = lock(&plugins, &file, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("plugins.lock:1: this is no list of plugins"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        fs::read_to_string(&file).expect("it is there"),
        "not a list"
    );
}

#[test]
fn each_file_is_explained() {
    let plugins = Plugins::new();
    plugins.compile("hello-1.so", &hello("1.0.0"));
    plugins.compile("hello-2.so", &hello("2.0.0"));
    fs::write(plugins.file("text.so"), "text").expect("the directory is ours");
    let all = [
        ("hello-1.so", "shadowed"),
        ("hello-2.so", "used"),
        ("text.so", "refused"),
    ];
    assert_eq!(explained(&plugins, &[]), pairs(&all));

    let list = [
        "plugins",
        "list",
        "--explain",
        "--plugin-dir",
        plugins.path(),
    ];
    let output = run(&list);
    assert_succeeds(&output);
    let said = text(&output.stdout);
    let (first, second) = (plugins.file("hello-1.so"), plugins.file("hello-2.so"));
    let (first, second) = (first.display(), second.display());
    assert!(
        said.starts_with(&format!("{first}\n  hello 1.0.0, SHA-256 ")),
        "{said}"
    );
    let hidden = format!(
        "  not used, shadowed: {first} is hidden by {second} (2.0.0), which is of a higher version, or newer\n"
    );
    assert!(said.contains(&hidden), "{said}");
    assert!(said.contains("\n  used\n"), "{said}");

    let file = plugins.file("plugins.lock");
    let lock_file = file.display().to_string();
    assert_succeeds(&lock(&plugins, &file, &[]));
    assert_eq!(explained(&plugins, &["--lock", &lock_file]), pairs(&all));
    // What is not trusted is not opened, and the sentence has both digests.
    plugins.compile(
        "hello-2.so",
        &hello("2.0.0").replace("out of memory", "no memory left"),
    );
    let changed = [
        ("hello-1.so", "shadowed"),
        ("hello-2.so", "changed"),
        ("text.so", "refused"),
    ];
    assert_eq!(
        explained(&plugins, &["--lock", &lock_file]),
        pairs(&changed)
    );
    let output = run(&[&list[..], &["--lock", &lock_file]].concat());
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stdout);
    let sentence = said
        .lines()
        .find(|line| line.contains("not used, changed"))
        .expect("it is told");
    assert_eq!(
        sentence
            .split(|c: char| !c.is_ascii_hexdigit())
            .filter(|word| word.len() == 64)
            .count(),
        2,
        "{sentence}"
    );
    assert!(
        sentence.contains(&format!(
            "handclasp plugins lock --add {second} --output {lock_file}"
        )),
        "{sentence}"
    );
    plugins.compile("hello-2.so", &hello("3.0.0"));
    assert_eq!(
        explained(&plugins, &["--lock", &lock_file])[1].1,
        "unlisted"
    );
    let output = run(&[&list[..], &["--lock", "/none.lock"]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn settings_say_where_plugins_are_and_a_lock_beside_them_is_used() {
    let plugins = Plugins::new();
    plugins.compile("hello.so", &hello("1.0.0"));
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let settings = directory.path().join("handclasp.toml");
    fs::write(
        &settings,
        format!("[plugins]\ndirectories = [\"{}\"]\n", plugins.path()),
    )
    .expect("it is ours");
    let settings = settings.display().to_string();
    let explain = ["plugins", "list", "--explain", "--config", &settings];
    assert_succeeds(&run(&explain));
    fs::write(directory.path().join("plugins.lock"), "").expect("it is ours");
    let output = run(&explain);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stdout).contains("not used, unlisted"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_plugin_is_used_by_its_signature() {
    if !is_here("minisign", "minisign") {
        return;
    }
    let plugins = Plugins::new();
    plugins.compile("hello.so", &hello("1.0.0"));
    let keys = tempfile::tempdir().expect("the temporary directory is writable");
    let path = |name: &str| keys.path().join(name).display().to_string();
    let minisign = |arguments: &[&str]| {
        let output = Command::new("minisign")
            .args(arguments)
            .output()
            .expect("it is here");
        assert!(output.status.success(), "{}", plain(&output.stderr));
    };
    for name in ["trusted", "other"] {
        minisign(&[
            "-G",
            "-W",
            "-p",
            &path(&format!("{name}.pub")),
            "-s",
            &path(&format!("{name}.key")),
        ]);
    }
    let library = plugins.file("hello.so").display().to_string();
    let sign = |key: &str| minisign(&["-S", "-s", &path(key), "-m", &library]);
    let settings = path("handclasp.toml");
    let configure = |required: bool| {
        let text = format!("[plugins]\nkeys = [\"trusted.pub\"]\nrequire-signature = {required}\n");
        fs::write(&settings, text).expect("it is ours");
    };
    let verdict = || explained(&plugins, &["--config", &settings])[0].1.clone();

    configure(false);
    assert_eq!(verdict(), "used", "a signature may be missing");
    configure(true);
    assert_eq!(verdict(), "not_signed", "it may not any more");
    sign("trusted.key");
    assert_eq!(verdict(), "used");
    sign("other.key");
    assert_eq!(verdict(), "not_signed", "it is by another key");
    configure(false);
    assert_eq!(verdict(), "not_signed", "a wrong one is worse than none");
    sign("trusted.key");
    assert_eq!(verdict(), "used");
    plugins.compile("hello.so", &hello("1.0.1"));
    assert_eq!(verdict(), "not_signed", "it is another file's");
}
