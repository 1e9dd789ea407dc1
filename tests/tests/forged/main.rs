//! Forged datagrams against the plugins that speak DTLS, in both roles, at four moments: none ends a finished session,
//! and what ends a handshake is listed with the reason why nothing can be done (statement 39 of docs/semantics.md).
//!
//! The kinds, and what is done with them, are those of `handclasp check`. Each kind is forged anew twice at each moment,
//! or as often as the environment variable `FORGED` says: `make forged`.
use handclasp_tests::{built, program, skip, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// A plugin, and the options of both sides.
struct Setup {
    library: PathBuf,
    options: &'static [&'static str],
}

/// For each forgery that is listed, what it is and the reason: how many times it has ended a handshake.
type Endings = BTreeMap<(String, String), usize>;

#[test]
fn forged_datagrams_end_no_session_and_no_handshake_but_those_listed() {
    let rounds = std::env::var("FORGED").unwrap_or_else(|_| "2".to_owned());
    let mut setups = Vec::new();
    for options in [&["version=1.2"], &["version=1.3"], &["version=auto"]] {
        let library = built("dtls-srtp").expect("it needs nothing but cargo");
        setups.push(Setup { library, options });
    }
    let openssl = built("dtls-openssl");
    match &openssl {
        Ok(library) => setups.push(Setup {
            library: library.clone(),
            options: &[],
        }),
        Err(lacking) => skip("forged datagrams", lacking),
    }
    let outcomes: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = setups
            .iter()
            .map(|setup| {
                scope.spawn(|| {
                    let session = run("forged-session", setup, &rounds);
                    let handshake = run("forged-handshake", setup, &rounds);
                    (session.0, handshake.0, handshake.1)
                })
            })
            .collect();
        let join = |run: thread::ScopedJoinHandle<'_, _>| run.join().expect("both are run");
        runs.into_iter().map(join).collect()
    });
    let mut faults = Vec::new();
    let mut ended = Endings::new();
    for (setup, (session, handshake, endings)) in setups.iter().zip(outcomes) {
        let name = setup.library.file_stem().expect("it has a name").display();
        for verdict in [session, handshake] {
            if verdict.get("Ok").is_none() {
                faults.push(format!("{name} {:?}: {verdict}", setup.options));
            }
        }
        for (entry, count) in endings {
            *ended.entry(entry).or_default() += count;
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    // Some end the handshakes of one of the plugins only.
    assert!(!ended.is_empty());
    for ((what, why), count) in ended.iter().filter(|_| openssl.is_ok()) {
        assert!(
            *count > 0,
            "{what} ended nothing, and is listed because {why}"
        );
    }
}

/// Carries out one check: the verdict, and what the one of the handshake leaves behind.
fn run(check: &str, setup: &Setup, rounds: &str) -> (Value, Endings) {
    let directory = tempfile::tempdir().expect("the system's temporary directory is writable");
    let mut command = Command::new(program());
    command.args(["run-check", "--seed", "1", "--rounds", rounds, "--notes"]);
    command.arg(directory.path());
    let options: Vec<_> = setup.options.iter().map(|it| it.split_once('=')).collect();
    let file = directory.path().join("options");
    fs::write(&file, serde_json::json!(options).to_string()).expect("the directory is ours");
    command.arg("--options").arg(file);
    let output = command
        .arg(check)
        .arg(&setup.library)
        .output()
        .expect("it was just built");
    let words = text(&output.stderr);
    assert!(output.status.success(), "{}: {words}", output.status);
    let verdict = read(directory.path(), "verdict").expect("it came to an end");
    let endings = read(directory.path(), "endings").unwrap_or_default();
    let mut ended = Endings::new();
    for entry in endings.as_array().into_iter().flatten() {
        let word = |key: &str| entry[key].as_str().expect("a text").to_owned();
        let count = usize::from(entry["ended"] == true);
        *ended.entry((word("what"), word("why"))).or_default() += count;
    }
    (verdict, ended)
}

/// A file in JSON that the check has left.
fn read(directory: &Path, name: &str) -> Option<Value> {
    serde_json::from_slice(&fs::read(directory.join(name)).ok()?).ok()
}
