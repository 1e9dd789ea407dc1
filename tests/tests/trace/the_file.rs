//! The file itself, and files that are none.
use crate::support::{Session, fail, handclasp, read, succeed, text};
use handclasp_tests::{is_here, plugins};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

fn mode(file: &Path) -> u32 {
    let metadata = fs::metadata(file).expect("it is there");
    metadata.permissions().mode() & 0o777
}

#[test]
fn a_new_file_is_its_owners_and_so_is_what_is_made_of_it() {
    let session = Session::demo(&["--plugin", "none"]);
    session.show(&["--html", "--pcap"]);
    for name in ["session.jsonl", "session.html", "session.pcap"] {
        assert_eq!(mode(&session.file(name)), 0o600, "{name}");
    }
}

#[test]
fn a_file_that_is_there_is_emptied_and_keeps_its_mode() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("session.jsonl");
    fs::write(&file, "x".repeat(1 << 20)).expect("the directory was just made");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
    succeed(handclasp(&["demo", "--plugin", "none", "--trace"]).arg(&file));
    assert!(!read(&file).records.is_empty());
    assert_eq!(mode(&file), 0o640);
}

#[test]
fn a_session_that_is_refused_leaves_the_file_as_it_was() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("session.jsonl");
    fs::write(&file, "of yesterday").expect("the directory was just made");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let refused: [(&[&str], i32); 7] = [
        (&["demo", "--plugin", "nothing"], 3),
        (&["demo", "--plugin", "none", "--option", "a=b"], 3),
        (&["demo", "--plugin", "none", "--peer-option", "a=b"], 3),
        (&["demo", "--plugin", "none", "--plugin-dir", "/nowhere"], 3),
        (
            &[
                "demo",
                "--plugin",
                "none",
                "--turn-ca",
                "/nowhere",
                "--turn",
                "turns:a:b@127.0.0.1",
            ],
            2,
        ),
        (&["stream", "--plugin", "nothing"], 3),
        (&["stream", "--plugin", "none", "--option", "a=b"], 3),
    ];
    for (command, code) in refused {
        let output = handclasp(command)
            .arg("--trace")
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .expect("the command runs");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        let kept = fs::read_to_string(&file).expect("it is there");
        assert_eq!(kept, "of yesterday", "{command:?}");
    }
}

#[test]
fn a_file_that_may_grow_no_further_is_said_once_and_the_session_goes_on() {
    if !is_here("prlimit", "util-linux") {
        return;
    }
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("session.jsonl");
    let demo = handclasp(&["demo", "--plugin", "none", "--datagrams", "4000", "--trace"]);
    let mut limited = Command::new("prlimit");
    limited
        .arg("--fsize=1048576")
        .arg(demo.get_program())
        .args(demo.get_args());
    limited.env("HANDCLASP_PLUGIN_PATH", plugins());
    let output = succeed(limited.arg(&file));
    let complaint = text(&output.stderr);
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    let sentence = format!(
        "the trace {} cannot be written (File too large (os error 27)): it gets no more lines, make room and start \
         again\n",
        file.display()
    );
    assert!(complaint.ends_with(&sentence), "{complaint}");
}

#[test]
fn a_file_that_cannot_be_made_is_named() {
    for command in ["demo", "stream"] {
        fail(
            &mut handclasp(&[command, "--trace", "/nowhere/trace"]),
            1,
            "the trace /nowhere/trace cannot be written (No such file or directory (os error 2)): name a file that \
             you may write to",
        );
    }
}

#[test]
fn what_is_no_trace_is_refused() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("foreign");
    let name = file.display();
    fs::write(&file, "{\"event\":\"stopped\"}\n").expect("the directory was just made");
    let foreign = "line 1 is not the first line of a trace: name a file that `--trace` of `stream` or `demo` has written";
    fail(
        handclasp(&["trace"]).arg(&file),
        1,
        &format!("the trace {name}: {foreign}"),
    );
    fail(
        &mut handclasp(&["trace", "/nowhere/trace"]),
        1,
        "the trace /nowhere/trace cannot be opened: No such file or directory (os error 2); name a file that --trace has \
         written",
    );
}

#[test]
fn a_damaged_line_is_named_and_a_torn_one_is_no_harm() {
    let session = Session::demo(&["--plugin", "none"]);
    let whole = fs::read_to_string(session.file("session.jsonl")).expect("it is there");

    let torn = &whole[..whole.len() - 10];
    fs::write(session.file("session.jsonl"), torn).expect("it is ours");
    let ladder = session.show(&[]);
    assert!(
        ladder.contains("The trace ends here, in the middle of a line"),
        "{ladder}"
    );
    assert!(session.show(&["--json"]).contains("\"cut_off\":true"));

    let damaged = whole.replacen("\"event\"", "\"evnt\"", 2);
    fs::write(session.file("session.jsonl"), damaged).expect("it is ours");
    let name = session.file("session.jsonl");
    let output = handclasp(&["trace"])
        .arg(&name)
        .output()
        .expect("the command runs");
    let complaint = text(&output.stderr);
    let start = format!(
        "error: the trace {}: line 2 is no record of a trace (",
        name.display()
    );
    assert!(complaint.starts_with(&start), "{complaint}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_trace_itself_is_not_overwritten() {
    let session = Session::demo(&["--plugin", "none"]);
    let file = session.file("session.jsonl");
    let name = file.display();
    for option in ["html", "pcap"] {
        let mut show = handclasp(&["trace", &format!("--{option}={name}")]);
        let sentence =
            format!("{name} is the trace, which would be overwritten: name another file");
        fail(show.arg(&file), 2, &sentence);
    }
    assert_eq!(read(&file), session.trace);
}
