//! Looking runs no code: a library is opened in a process of its own first.
use crate::support::{Plugins, assert_succeeds, handclasp, json, plugin, text};
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::{Host, HostOptions};
use handclasp_tests::{is_here, program};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Beside `none`.
fn with_none(plugins: Plugins) -> Plugins {
    plugins.put(
        "none.so",
        &fs::read(plugin("none")).expect("it was just looked for"),
    );
    plugins
}

fn list(plugins: &Plugins, cache: &Path) -> Output {
    handclasp([
        "plugins",
        "list",
        "--json",
        "--patience",
        "2",
        "--plugin-dir",
        plugins.path(),
    ])
    .env("XDG_CACHE_HOME", cache)
    .output()
    .expect("the command runs")
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("the temporary directory is writable")
}

/// The ids that can be used, and the one reason for a refusal.
fn listed(output: &Output) -> (Vec<String>, Vec<String>) {
    assert_succeeds(output);
    let listing = json(output).pop().expect("there is one object");
    let texts = |array: &Value, field: &str| -> Vec<String> {
        let array = array.as_array().expect("it is a list").iter();
        array
            .map(|entry| entry[field].as_str().expect("it is text").to_owned())
            .collect()
    };
    (
        texts(&listing["plugins"], "id"),
        texts(&listing["refused"], "reason"),
    )
}

#[test]
fn a_library_that_crashes_hangs_or_exits_is_refused_and_the_others_are_listed() {
    let cases = [
        ("CRASHES", "crashes while it is opened (SIGSEGV)"),
        ("EXITS", "ends the process while it is opened (exit code 0)"),
        ("HANGS", "does not return while it is opened within 2 s"),
        ("CRASHES_IN_LOAD", "crashes in its load (SIGSEGV)"),
        ("HANGS_IN_LOAD", "does not return in its load within 2 s"),
        ("SPACES", "has an extension's id with spaces"),
    ];
    for (habit, reason) in cases {
        let (plugins, cache) = (with_none(Plugins::with_habits(&[habit])), temporary());
        let (usable, refused) = listed(&list(&plugins, cache.path()));
        assert_eq!(usable, ["none"], "{habit}");
        let expected = format!("{} {reason}", plugins.file("habits.so").display());
        assert!(
            refused.len() == 1 && refused[0].starts_with(&expected),
            "{refused:?}"
        );
        // Those who would use it are told the same.
        for command in [
            ["plugins", "inspect", "habits"].as_slice(),
            &["demo", "--plugin", "habits"],
        ] {
            if habit.starts_with("HANGS") {
                continue; // as long as a person may wait
            }
            let output = handclasp(command)
                .args(["--plugin-dir", plugins.path()])
                .output()
                .expect("the command runs");
            assert_eq!(output.status.code(), Some(3));
            assert!(
                text(&output.stderr).contains(reason),
                "{}",
                text(&output.stderr)
            );
        }
    }
}

#[test]
fn a_host_of_a_program_survives_what_crashes_while_it_is_opened() {
    let plugins = with_none(Plugins::with_habits(&["CRASHES"]));
    let path = SearchPath::from_dirs(vec![PathBuf::from(plugins.path())]).expect("it is there");
    let scanner = Scanner::new(program(), ["run-scan".into()]).without_memory();
    let options = HostOptions::new(path).scanner(scanner);
    let host = Host::new(options).expect("the system has threads to give");
    let refused = host.plugin("habits").expect_err("it crashes").to_string();
    assert!(
        refused.contains("crashes while it is opened (SIGSEGV)"),
        "{refused}"
    );
    host.plugin("none").expect("it is sound");
}

#[test]
fn an_answer_that_a_library_makes_up_is_no_plugin() {
    let (plugins, cache) = (with_none(Plugins::with_habits(&["ANSWERS"])), temporary());
    let (usable, refused) = listed(&list(&plugins, cache.path()));
    // Whether it hits the pipe or not: nobody but itself is fooled.
    assert!(
        usable.contains(&"none".to_owned()),
        "{usable:?} {refused:?}"
    );
}

/// The one entry there is.
fn entry(cache: &Path) -> PathBuf {
    let scans = cache.join("handclasp/scans");
    let mut entries: Vec<_> = fs::read_dir(scans)
        .expect("it was made")
        .flatten()
        .collect();
    assert_eq!(entries.len(), 1);
    entries.remove(0).path()
}

#[test]
fn a_verdict_is_remembered_and_a_tampered_one_is_not_believed() {
    let (plugins, cache) = (Plugins::with("none"), temporary());
    let said = list(&plugins, cache.path());
    assert_eq!(listed(&said).0, ["none"]);
    let entry = entry(cache.path());
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&entry), mode(entry.parent().expect("it has one"))),
        (0o600, 0o700)
    );
    let known = fs::read_to_string(&entry).expect("it is text");
    assert_eq!(
        list(&plugins, cache.path()).stdout,
        said.stdout,
        "from memory"
    );
    assert_eq!(fs::read_to_string(&entry).expect("it is text"), known);

    // It is asked: what an entry says is what is listed, for as long as it is one of this host's.
    let other = known.replace("\"layout_verified\":true", "\"layout_verified\":false");
    assert_ne!(other, known);
    fs::write(&entry, &other).expect("it is ours");
    let listing = json(&list(&plugins, cache.path())).remove(0);
    assert_eq!(listing["plugins"][0]["layout"], "declared");

    let tampered = [
        known.replace("\"host\":\"", "\"host\":\"9"),
        known.replace("\"report\":{", "\"report\":{\"more\":1,"),
        known.replace("\"name\":\"", "\"name\":\"\\u001b[31m"),
        known[..known.len() / 2].to_owned(),
        "x".repeat(20 << 20),
        String::new(),
    ];
    for text in tampered {
        fs::write(&entry, text).expect("it is ours");
        assert_eq!(list(&plugins, cache.path()).stdout, said.stdout);
        assert_eq!(
            fs::read_to_string(&entry).expect("it is text"),
            known,
            "written anew"
        );
    }
}

#[test]
fn a_cache_that_others_can_change_or_that_is_a_link_is_not_used() {
    let (plugins, cache, elsewhere) = (Plugins::with("none"), temporary(), temporary());
    let ours = cache.path().join("handclasp");
    symlink(elsewhere.path(), &ours).expect("the directory is ours");
    assert_eq!(listed(&list(&plugins, cache.path())).0, ["none"]);
    assert_eq!(
        fs::read_dir(elsewhere.path()).expect("it is there").count(),
        0,
        "no link is followed"
    );
    fs::remove_file(&ours).expect("it is ours");

    fs::create_dir(&ours).expect("the directory is ours");
    fs::set_permissions(&ours, Permissions::from_mode(0o777)).expect("it is ours");
    assert_eq!(listed(&list(&plugins, cache.path())).0, ["none"]);
    assert_eq!(fs::read_dir(&ours).expect("it is there").count(), 0);

    fs::set_permissions(&ours, Permissions::from_mode(0o700)).expect("it is ours");
    listed(&list(&plugins, cache.path()));
    let entry = entry(cache.path());
    let known = fs::read(&entry).expect("it was written");
    let other = String::from_utf8_lossy(&known)
        .replace("\"layout_verified\":true", "\"layout_verified\":false");
    let linked = elsewhere.path().join("entry");
    fs::write(&linked, other).expect("the directory is ours");
    fs::set_permissions(&linked, Permissions::from_mode(0o600)).expect("it is ours");
    fs::remove_file(&entry).expect("it is ours");
    symlink(&linked, &entry).expect("the directory is ours");
    let listing = json(&list(&plugins, cache.path())).remove(0);
    assert_eq!(
        listing["plugins"][0]["layout"], "verified",
        "no link is followed"
    );
}

#[test]
fn a_cache_that_cannot_be_used_is_none() {
    let plugins = Plugins::with("none");
    let is_listed = |cache: &Path| {
        let listing = json(&list(&plugins, cache)).remove(0);
        assert_eq!(listing["plugins"][0]["layout"], "verified");
    };
    is_listed(Path::new("/dev/null"));
    is_listed(Path::new("relative"));
    assert!(!Path::new("relative").exists());
    let cache = temporary();
    fs::write(cache.path().join("handclasp"), "").expect("it is ours");
    is_listed(cache.path());

    let cache = temporary();
    is_listed(cache.path());
    let entry = entry(cache.path());
    let known = fs::read_to_string(&entry).expect("it is text");
    let other = known.replace("\"layout_verified\":true", "\"layout_verified\":false");
    // One that others may have written.
    fs::write(&entry, other).expect("it is ours");
    fs::set_permissions(&entry, Permissions::from_mode(0o620)).expect("it is ours");
    is_listed(cache.path());
    // What would be waited for, if it were read.
    fs::remove_file(&entry).expect("it is ours");
    let made = std::process::Command::new("mkfifo").arg(&entry).status();
    assert!(made.is_ok_and(|status| status.success()));
    is_listed(cache.path());
    let _ = fs::remove_file(&entry);
    fs::create_dir(&entry).expect("it is ours");
    is_listed(cache.path());
}

#[test]
fn no_plugin_is_mapped_by_the_process_that_lists() {
    if !handclasp_tests::is_here("strace", "strace") {
        return;
    }
    let (plugins, cache, trace) = (Plugins::with("none"), temporary(), temporary());
    let log = trace.path().join("log");
    let output = std::process::Command::new("strace")
        .args(["-ff", "-y", "-e", "trace=execve,mmap", "-o"])
        .arg(&log)
        .arg(program())
        .args(["plugins", "list", "--plugin-dir", plugins.path()])
        .env("XDG_CACHE_HOME", cache.path())
        .output()
        .expect("strace is here");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let logs = fs::read_dir(trace.path()).expect("it is there").flatten();
    let maps = |text: &str| {
        let mut maps = text.lines().filter(|line| line.starts_with("mmap("));
        maps.any(|line| line.contains("memfd:handclasp") || line.contains(plugins.path()))
    };
    let mapping: Vec<_> = (logs
        .map(|log| fs::read_to_string(log.path()).expect("strace writes text")))
    .filter(|log: &String| maps(log))
    .collect();
    assert_eq!(mapping.len(), 1, "somebody maps it, and only one process");
    assert!(mapping[0].contains("run-scan"), "{}", mapping[0]);
}

#[test]
fn a_hundred_plugins_cost_a_start_little() {
    let (plugins, cache) = (Plugins::with("none"), temporary());
    let source = crate::support::hello("1.0.0");
    assert!(source.contains("\"hello\""));
    plugins.compile("hello.so", &source);
    let library = fs::read(plugins.file("hello.so")).expect("it was just compiled");
    let at = crate::support::id_of(&library);

    for number in 0..99 {
        let mut other = library.clone();
        other[at..at + 5].copy_from_slice(format!("h{number:04}").as_bytes());
        plugins.put(&format!("h{number}.so"), &other);
    }
    let start = || {
        let began = Instant::now();
        let output = handclasp([
            "demo",
            "--plugin",
            "h0042",
            "--json",
            "--plugin-dir",
            plugins.path(),
        ])
        .env("XDG_CACHE_HOME", cache.path())
        .output()
        .expect("the command runs");
        let whole = began.elapsed();
        assert!(output.status.success(), "{}", text(&output.stderr));
        whole
    };
    let cold = start();
    let warm = (0..10).map(|_| start()).min().expect("there are some");
    eprintln!("a demo with 100 plugins, from exec to exit: cold {cold:?}, warm {warm:?}");
    // The handshake and its end included; the figure itself is 50 ms on a quiet machine.
    assert!(warm < Duration::from_millis(500), "{warm:?}");
}

#[test]
fn under_valgrind_libraries_are_opened_as_everywhere() {
    if !is_here("valgrind", "valgrind") {
        return;
    }
    let plugins = with_none(Plugins::new());
    let output = Command::new("valgrind")
        .args(["--quiet".as_ref(), program().as_os_str()])
        .args(["plugins", "list", "--json", "--plugin-dir", plugins.path()])
        .env("XDG_CACHE_HOME", temporary().path())
        .output()
        .expect("valgrind runs");
    assert_eq!(listed(&output).0, ["none"]);
}
