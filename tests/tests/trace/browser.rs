//! The page in a browser's hands.
use crate::support::{Session, succeed, text};
use handclasp_tests::is_here;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Chromium, which root may run only without its sandbox.
fn headless(profile: &Path, address: &str) -> Command {
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(address);
    command
}

#[test]
fn the_page_shows_both_sides_ladder() {
    if !is_here("chromium", "chromium") {
        return;
    }
    let session = Session::demo(&["--plugin", "dtls-srtp", "--loss", "30", "--seed", "7"]);
    session.show(&["--html"]);
    let address = format!("file://{}", session.file("session.html").display());
    let mut browser = headless(&session.file("profile"), &address);
    let dump = succeed(browser.arg("--dump-dom"));
    let dom = text(&dump.stdout);
    for part in [
        "<h1>Handclasp trace: a and b</h1>",
        ">a</text>",
        ">b</text>",
        "STUN binding request, USE-CANDIDATE",
        "STUN binding success",
        "(lost on purpose)",
        "DTLS ClientHello",
        "DTLS ServerHello, encrypted",
        "recv_from_peer: finished",
        "handshake finished, 92 bytes of keys (not kept)",
        ">ready</text>",
    ] {
        assert!(dom.contains(part), "no {part} in\n{dom}");
    }
    let finished = dom.matches(">handshake finished").count();
    assert_eq!(finished, 2 * 2, "each side's, drawn and as a hint");

    let picture = take_picture(&session, &address);
    let blank = take_picture(&session, "about:blank");
    // What is the same everywhere takes next to no room in a PNG.
    assert!(
        picture.len() > 5 * blank.len(),
        "{} bytes, blank has {}",
        picture.len(),
        blank.len()
    );
}

/// A PNG of what a window shows.
fn take_picture(session: &Session, address: &str) -> Vec<u8> {
    let file = session.file("picture.png");
    let mut command = headless(&session.file("profile"), address);
    command.args([
        "--window-size=1100,900",
        &format!("--screenshot={}", file.display()),
    ]);
    succeed(&mut command);
    let picture = fs::read(file).expect("it was just taken");
    let number =
        |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(picture[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!((number(16), number(20)), (1100, 900));
    picture
}

#[test]
fn the_page_needs_nothing_else() {
    let session = Session::demo(&["--plugin", "none"]);
    let page = session.show(&["--html=-"]);
    for foreign in [
        "http:", "https:", "<script", "<link", "<img", "url(", "@import",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
}
