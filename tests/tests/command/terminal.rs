//! What people see: the command on a terminal.
use crate::support::handclasp;
use handclasp_tests::{Lacking, is_had};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Command;

const FLAGS: OpenptFlags = OpenptFlags::RDWR.union(OpenptFlags::NOCTTY);

/// A terminal's screen, and what a program has of it.
fn terminal() -> Result<(OwnedFd, OwnedFd), Lacking> {
    let lacking = |error| Lacking(format!("no terminal ({error}): mount /dev/pts"));
    let screen = openpt(FLAGS).map_err(lacking)?;
    grantpt(&screen)
        .and_then(|()| unlockpt(&screen))
        .map_err(lacking)?;
    let terminal = ioctl_tiocgptpeer(&screen, FLAGS).map_err(lacking)?;
    Ok((screen, terminal))
}

/// Runs it with both outputs on a terminal, and returns what appears there.
fn on_a_terminal(command: &mut Command) -> String {
    let (screen, terminal) = terminal().expect("it was there before");
    let second = terminal.try_clone().expect("files are not used up");
    let mut child = command
        .env("TERM", "xterm")
        .stdout(terminal)
        .stderr(second)
        .spawn()
        .expect("the command runs");
    // The terminal must not stay open here, or its end is never seen.
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let (mut screen, mut seen) = (File::from(screen), Vec::new());
    let mut buffer = [0; 4096];
    // Once nobody has the terminal open any more, reading it fails.
    while let Ok(read @ 1..) = screen.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..read]);
    }
    child.wait().expect("it is ours");
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn a_terminal_gets_colours_unless_told_otherwise() {
    if !is_had(terminal()) {
        return;
    }
    for (arguments, coloured) in [
        (
            &["demo", "--plugin", "none"][..],
            "\x1b[1m\x1b[32mDone\x1b[0m in ",
        ),
        (
            &["demo", "--plugin", "nothing"],
            "\x1b[1m\x1b[31merror:\x1b[0m no plugin `nothing` in ",
        ),
        (&["plugins", "list"], "\x1b[1mPLUGIN "),
    ] {
        let plain = on_a_terminal(handclasp(arguments).env("NO_COLOR", "1"));
        assert!(!plain.contains('\x1b') && !plain.is_empty(), "{plain}");
        let seen = on_a_terminal(handclasp(arguments).env_remove("CI"));
        assert!(seen.contains(coloured), "{seen:?}");
    }
}

#[test]
fn a_hostile_trace_steers_no_terminal() {
    if !is_had(terminal()) {
        return;
    }
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let trace = directory.path().join("\u{1b}]0;name\u{7}");
    let header = r#"{"trace":"handclasp","version":1,"program":"0.1.0","unix_us":0}"#;
    let record = r#"{"us":1,"stream":"a","event":"datagram","direction":"\u001b[2Jwhat is that"}"#;
    fs::write(&trace, format!("{header}\n{record}\n")).expect("the directory was just made");
    let seen = on_a_terminal(handclasp(["trace"]).arg(&trace).env_remove("CI"));
    assert!(seen.contains("what is that"), "{seen:?}");
    // What is left of such a sequence is harmless text.
    let escapes: Vec<&str> = seen.split('\u{1b}').skip(1).collect();
    assert!(
        escapes
            .iter()
            .all(|it| it.starts_with('[') && !it.starts_with("[2J")),
        "{seen:?}"
    );
    assert!(!seen.contains('\u{7}'), "{seen:?}");
}
