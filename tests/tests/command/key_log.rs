//! `--keylog`: secrets on file, where the operator asks for them.
use crate::support::{assert_fails, assert_succeeds, handclasp, run, text};
use handclasp_tests::{built, is_here, skip};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::process::Command;

const DTLS_1_3: [&str; 5] = [
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "EXPORTER_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_TRAFFIC_SECRET_0",
];

/// Runs a demo of two components; its key log must have each of these labels for each component, told alike by
/// both sides.
fn demo_tells(arguments: &[&str], labels: &[&str]) {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("keys");
    let name = file
        .to_str()
        .expect("temporary directories have plain names");
    let demo = ["demo", "--components", "2", "--keylog", name];
    assert_succeeds(&run(&[&demo[..], arguments].concat()));
    let mode = fs::metadata(&file)
        .expect("it was made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let log = fs::read_to_string(&file).expect("it is ours");
    let lines: Vec<&str> = log.lines().collect();
    let distinct: BTreeSet<&str> = lines.iter().copied().collect();
    assert_eq!(lines.len(), 2 * distinct.len(), "each side tells the same");
    let mut told: Vec<&str> = distinct.into_iter().map(label).collect();
    told.dedup();
    assert_eq!(told, labels);
    assert_eq!(lines.len(), 2 * 2 * labels.len(), "both components");
}

/// The label of a well-formed line, whose secret is 32 or 48 bytes long.
fn label(line: &str) -> &str {
    let words: Vec<&str> = line.split(' ').collect();
    let [label, session, secret] = words[..] else {
        panic!("three words, not {}", words.len());
    };
    let is_hex = |word: &str| word.bytes().all(|digit| digit.is_ascii_hexdigit());
    assert!(is_hex(session) && is_hex(secret), "{label}");
    assert_eq!(session.len(), 64, "{label}");
    assert!(
        secret.len() == 96 || label != "CLIENT_RANDOM" && secret.len() == 64,
        "{label}"
    );
    label
}

#[test]
fn dtls_srtp_tells_its_secrets() {
    demo_tells(&["--plugin", "dtls-srtp"], &DTLS_1_3);
    let old = ["--plugin", "dtls-srtp", "--option", "version=1.2"];
    demo_tells(&old, &["CLIENT_RANDOM"]);
}

#[test]
fn dtls_openssl_tells_its_secrets() {
    if let Err(lacking) = built("dtls-openssl") {
        return skip("the key log of dtls-openssl", &lacking);
    }
    demo_tells(&["--plugin", "dtls-openssl"], &["CLIENT_RANDOM"]);
    let pair = ["--plugin", "dtls-srtp", "--peer-plugin", "dtls-openssl"];
    demo_tells(&pair, &["CLIENT_RANDOM"]);
}

#[test]
fn a_key_log_is_appended_to_and_keeps_its_mode() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("keys");
    fs::write(&file, "# mine\n").expect("the directory was just made");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
    let name = file
        .to_str()
        .expect("temporary directories have plain names");
    assert_succeeds(&run(&["demo", "--keylog", name]));
    let log = fs::read_to_string(&file).expect("it is ours");
    assert!(log.starts_with("# mine\nCLIENT_") || log.starts_with("# mine\nSERVER_"));
    assert!(log.ends_with('\n'));
    let mode = fs::metadata(&file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn nobody_asks_and_nothing_is_told() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let output = handclasp(["demo", "--plugin", "dtls-srtp"])
        .env("SSLKEYLOGFILE", directory.path().join("keys"))
        .env("HANDCLASP_LOG", "trace")
        .current_dir(directory.path())
        .output()
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout) + &text(&output.stderr);
    for label in DTLS_1_3 {
        assert!(!said.contains(label), "{label}");
    }
    let mut files = fs::read_dir(directory.path()).expect("it is there");
    assert!(files.next().is_none(), "no file was written");
}

#[test]
fn a_file_that_may_grow_no_further_is_said_once_and_the_session_goes_on() {
    const LIMIT: u64 = 1 << 26;
    if !is_here("prlimit", "util-linux") {
        return;
    }
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let path = directory.path().join("keys");
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let file = file.expect("the directory was just made");
    file.set_len(LIMIT).expect("it takes no room"); // as long as a file may be
    let demo = handclasp(["demo", "--plugin", "dtls-srtp", "--keylog"]);
    let output = Command::new("prlimit")
        .arg(format!("--fsize={LIMIT}"))
        .arg(demo.get_program())
        .args(demo.get_args())
        .arg(&path)
        .output()
        .expect("it is there");
    assert_eq!(output.status.code(), Some(0));
    let complaint = text(&output.stderr);
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    let sentence = format!(
        "the key log {} cannot be written (File too large (os error 27)): it gets no more lines, make room and start \
         again\n",
        path.display()
    );
    assert!(complaint.ends_with(&sentence), "{complaint}");
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    for command in ["demo", "stream"] {
        assert_fails(
            &run(&[command, "--keylog", "/nowhere/keys"]),
            1,
            "the key log /nowhere/keys cannot be opened (No such file or directory (os error 2)): name a file that \
             you may write to",
        );
    }
}
