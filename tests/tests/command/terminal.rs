//! What people see: the command on a terminal.
use crate::support::handclasp;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use std::fs::File;
use std::io::Read;
use std::process::Command;

/// Runs it with both outputs on a terminal, and returns what appears there.
fn on_a_terminal(command: &mut Command) -> String {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let screen = openpt(flags).expect("the system has a terminal to give");
    grantpt(&screen)
        .and_then(|()| unlockpt(&screen))
        .expect("it is ours");
    let terminal = ioctl_tiocgptpeer(&screen, flags).expect("it is unlocked");
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
