//! What another user of this machine lays out beforehand where the host writes, and what the host does about it.
use crate::support::{Plugins, assert_succeeds, handclasp, run, text};
use handclasp_tests::{OtherUser, skip};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A file of this user's, and what stands in it.
struct Mine {
    directory: TempDir,
}

const PRECIOUS: &str = "what nobody else may read or change";

impl Mine {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        fs::write(directory.path().join("file"), PRECIOUS).expect("it was just made");
        let mine = Self { directory };
        mine.set_mode(0o600);
        mine
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("file")
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.file(), Permissions::from_mode(mode)).expect("it is ours");
    }

    #[track_caller]
    fn assert_unchanged(&self) {
        let text = fs::read_to_string(self.file()).expect("it is still there");
        assert_eq!(text, PRECIOUS);
        let files = self.directory.path().read_dir().expect("it is ours");
        assert_eq!(files.count(), 1, "something else was written there");
    }
}

/// A recorded session, which somebody has sent.
fn session(place: &Path) -> PathBuf {
    let trace = place.join("session.jsonl");
    let header = r#"{"trace":"handclasp","version":1,"program":"0.1.0","unix_us":0}"#;
    fs::write(&trace, format!("{header}\n")).expect("the directory is writable");
    trace
}

/// Runs each command that writes to a file that its user names, with this one.
fn run_all(file: &Path) -> Vec<Output> {
    let place = tempfile::tempdir().expect("the temporary directory is writable");
    let session = session(place.path());
    let (session, file) = (session.display(), file.display());
    let commands = [
        format!("demo --plugin none --trace {file}"),
        format!("demo --plugin none --keylog {file}"),
        format!("stream --trace {file}"),
        format!("stream --keylog {file}"),
        format!("trace {session} --html={file}"),
        format!("trace {session} --pcap={file}"),
    ];
    let run = |command: String| {
        let output = handclasp(command.split(' ')).stdin(Stdio::null()).output();
        output.expect("the command runs")
    };
    commands.map(run).into()
}

/// Nothing where there is none, which is said.
fn other_user() -> Option<OtherUser> {
    let other = OtherUser::new();
    other
        .map_err(|lacking| skip("a second user", &lacking))
        .ok()
}

/// It fails, and this is said of it.
#[track_caller]
fn assert_refused(output: &Output, why: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(why), "{why}: {said}");
}

#[test]
fn a_link_of_another_users_leads_nowhere() {
    let Some(other) = other_user() else { return };
    let mine = Mine::new();
    other.does(&format!("ln -s {} out", mine.file().display()));
    other.does(&format!("ln -s {} dir", mine.directory.path().display()));
    let why = format!("belongs to user {}", OtherUser::ID);
    for name in ["out", "dir/file"] {
        for output in run_all(&other.path(name)) {
            assert_refused(&output, &why);
            assert_refused(&output, "the link");
        }
    }
    mine.assert_unchanged();
}

#[test]
fn a_file_that_another_user_made_takes_nothing() {
    let Some(other) = other_user() else { return };
    other.does("umask 077; : > out");
    let why = format!("(it belongs to user {})", OtherUser::ID);
    for output in run_all(&other.path("out")) {
        assert_refused(&output, &why);
    }
    let made = fs::metadata(other.path("out")).expect("it is there");
    assert_eq!((made.len(), made.uid()), (0, OtherUser::ID));
}

#[test]
fn a_pipe_is_refused_and_nobody_waits_for_its_other_end() {
    let place = tempfile::tempdir().expect("the temporary directory is writable");
    let pipe = place.path().join("out");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|made| made.success()));
    for output in run_all(&pipe) {
        assert_refused(&output, "(it is no regular file)");
    }
    for output in run_all(Path::new("/dev/full")) {
        assert_refused(&output, "(it is no regular file)");
    }
}

#[test]
fn a_file_that_others_can_read_or_that_has_another_name_takes_nothing() {
    let mine = Mine::new();
    mine.set_mode(0o604);
    for output in run_all(&mine.file()) {
        assert_refused(&output, "as its mode is 0604: run `chmod o-rwx` on it");
    }
    mine.set_mode(0o600);
    let place = tempfile::tempdir().expect("the temporary directory is writable");
    let name = place.path().join("out");
    fs::hard_link(mine.file(), &name).expect("they are on one disk");
    for output in run_all(&name) {
        assert_refused(&output, "(it has 2 names (hard links))");
    }
    mine.assert_unchanged();
}

#[test]
fn a_link_of_ones_own_is_followed() {
    let (mine, place) = (Mine::new(), tempfile::tempdir().expect("/tmp is writable"));
    let link = place.path().join("out");
    symlink(mine.file(), &link).expect("the directory was just made");
    let trace = link
        .to_str()
        .expect("temporary directories have plain names");
    assert_succeeds(&run(&["demo", "--plugin", "none", "--trace", trace]));
    let written = fs::read_to_string(mine.file()).expect("it is there");
    assert!(written.starts_with("{\"trace\":"), "{written}");
}

#[test]
fn a_name_beside_the_trace_is_a_new_files() {
    let (mine, place) = (Mine::new(), tempfile::tempdir().expect("/tmp is writable"));
    let session = session(place.path()).display().to_string();
    for option in ["html", "pcap"] {
        let beside = place.path().join(format!("session.{option}"));
        let show = || run(&["trace", &session, &format!("--{option}")]);
        symlink(mine.file(), &beside).expect("the directory was just made");
        assert_refused(&show(), "File exists");
        let beside_link = place.path().join("nowhere");
        fs::remove_file(&beside).expect("it is ours");
        symlink(&beside_link, &beside).expect("the directory was just made");
        assert_refused(&show(), "File exists");
        assert!(!beside_link.exists());
        fs::remove_file(&beside).expect("it is ours");
        assert_eq!(show().status.code(), Some(0));
        assert_refused(&show(), "as in --html=OUT and --pcap=OUT");
        let named = format!("--{option}={}", beside.display());
        assert_eq!(run(&["trace", &session, &named]).status.code(), Some(0));
    }
    mine.assert_unchanged();
}

#[test]
fn two_that_would_mix_what_they_write_are_refused() {
    let place = tempfile::tempdir().expect("the temporary directory is writable");
    let file = place.path().join("out").display().to_string();
    for command in ["demo", "stream"] {
        let output = run(&[command, "--trace", &file, "--keylog", &file]);
        assert_refused(&output, "(something else is writing to it)");
    }
    let session = session(place.path()).display().to_string();
    let (html, pcap) = (format!("--html={file}"), format!("--pcap={file}"));
    let output = run(&["trace", &session, &html, &pcap]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_project_is_written_into_no_directory_of_another_users() {
    let Some(other) = other_user() else { return };
    let mine = Mine::new();
    let victim = tempfile::tempdir().expect("the temporary directory is writable");
    other.does(&format!(
        "mkdir -m 777 theirs; ln -s {} led",
        victim.path().display()
    ));
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    let before = mode(victim.path());
    let place = other.place().display().to_string();
    let new = |name| run(&["new", "--lang", "c", name, "--dir", &place]);
    let why = format!("belongs to user {}", OtherUser::ID);
    for name in ["theirs", "led"] {
        assert_refused(&new(name), &why);
    }
    assert_eq!(
        (mode(&other.path("theirs")), mode(victim.path())),
        (0o777, before)
    );
    for directory in [other.path("theirs"), victim.path().to_owned()] {
        let files = directory.read_dir().expect("it is there");
        assert_eq!(files.count(), 0, "{}", directory.display());
    }
    assert_succeeds(&new("ours"));
    mine.assert_unchanged();
}

#[test]
fn an_installed_page_takes_the_place_of_a_link() {
    let (mine, prefix) = (Mine::new(), tempfile::tempdir().expect("/tmp is writable"));
    let places = [
        "share/man/man1/handclasp.1",
        "share/bash-completion/completions/handclasp",
    ];
    for place in places {
        let place = prefix.path().join(place);
        fs::create_dir_all(place.parent().expect("it is in one")).expect("the prefix is ours");
        symlink(mine.file(), place).expect("the directory was just made");
    }
    assert_succeeds(&run(&["generate", &prefix.path().display().to_string()]));
    for place in places {
        let file = fs::symlink_metadata(prefix.path().join(place)).expect("it is there");
        assert!(file.is_file() && file.len() > 100, "{place}");
    }
    mine.assert_unchanged();
}

#[test]
fn private_copies_are_not_made_where_others_can_exchange_them() {
    let Some(other) = other_user() else { return };
    fs::create_dir(other.path("tmp")).expect("the directory is writable");
    let plugins = Plugins::with("none");
    // Of a directory of one's own, too, if another can move it away.
    for place in [other.place(), &other.path("tmp")] {
        let check = handclasp(["check"])
            .arg(plugins.file("none.so"))
            .env("TMPDIR", place)
            .output();
        let output = check.expect("the command runs");
        assert_refused(&output, "can be replaced by other users");
        assert_refused(&output, &other.place().display().to_string());
    }
}

/// What the command says of a TURN server whose certificates, and whose password, come from this file.
fn read_all(file: &Path) -> [Output; 2] {
    let file = file.display();
    let commands = [
        format!("stream --turn turns:u:p@127.0.0.1:9 --turn-ca {file}"),
        format!("stream --turn turn:u@127.0.0.1:9 --turn-password-file {file}"),
    ];
    commands.map(|command| {
        let output = handclasp(command.split(' ')).stdin(Stdio::null()).output();
        output.expect("the command runs")
    })
}

#[test]
fn whom_to_trust_is_read_from_no_file_of_another_users() {
    let Some(other) = other_user() else { return };
    let mine = Mine::new();
    let link = format!("ln -s {} link; mkfifo -m 666 pipe", mine.file().display());
    other.does(&format!("{link}; echo theirs > made; chmod 644 made"));
    mine.set_mode(0o606);
    for (file, why) in [
        (
            other.path("made"),
            format!("belongs to user {}", OtherUser::ID),
        ),
        (other.path("link"), "the link".to_owned()),
        (other.path("pipe"), "it is no regular file".to_owned()),
        (
            mine.file(),
            "others may change it, as its mode is 0606".to_owned(),
        ),
    ] {
        for output in read_all(&file) {
            let said = text(&output.stderr);
            assert!(
                !output.status.success() && said.contains(&why),
                "{why}: {said}"
            );
        }
    }
}

/// As `--turn-password-file <(command)` does in a shell.
#[test]
fn a_password_may_come_from_a_descriptor_of_the_command_s_own() {
    let arguments = "stream --turn turn:u@127.0.0.1:9 --turn-password-file /dev/fd/3";
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "echo secret | { exec 3<&0 0</dev/null; exec \"$0\" \"$@\"; }",
    ]);
    let command = handclasp(arguments.split(' '));
    shell.arg(command.get_program()).args(command.get_args());
    let said = text(&shell.output().expect("there is a shell").stderr);
    assert!(!said.contains("cannot be read"), "{said}");
}

#[test]
fn no_library_is_taken_that_another_user_can_exchange() {
    let Some(other) = other_user() else { return };
    let plugins = Plugins::with("none");
    let library = plugins.file("none.so");
    other.does("mkdir theirs linked");
    other.does(&format!("ln -s {} linked/none.so", library.display()));
    // Where all may write and nobody may exchange what is another's.
    fs::create_dir(other.path("sticky")).expect("the directory is ours");
    fs::set_permissions(other.path("sticky"), Permissions::from_mode(0o1777)).expect("it is ours");
    for name in ["theirs", "sticky"] {
        fs::copy(&library, other.path(name).join("none.so")).expect("root may do that");
    }
    let of_other = other.path("sticky/none.so");
    chown(of_other, Some(OtherUser::ID), None).expect("root may do that");
    for (name, why) in [
        ("theirs", "can be replaced by user"),
        ("linked", "can be replaced by user"),
        ("sticky", "belongs to user"),
    ] {
        let place = other.path(name).display().to_string();
        let output = run(&["plugins", "list", "--plugin-dir", &place]);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{name}: {said}");
        assert!(said.contains(why), "{name}: {said}");
    }
}

#[test]
fn a_cache_of_another_users_is_neither_read_nor_written() {
    let Some(other) = other_user() else { return };
    let mine = Mine::new();
    other.does("mkdir -m 777 -p made/handclasp/scans linked");
    let victim = mine.directory.path().display();
    other.does(&format!(
        "chmod 777 made/handclasp; ln -s {victim} linked/handclasp"
    ));
    let plugins = Plugins::with("none");
    for name in ["made", "linked"] {
        let list = handclasp(["plugins", "list", "--plugin-dir", plugins.path()])
            .env("XDG_CACHE_HOME", other.path(name))
            .output();
        assert_succeeds(&list.expect("the command runs"));
    }
    let scans = other.path("made/handclasp/scans").read_dir();
    assert_eq!(scans.expect("it is there").count(), 0);
    mine.assert_unchanged();
}

/// In a temporary directory as `/tmp` is: all may write, and nobody may exchange what is another's.
#[test]
fn what_others_lay_out_in_the_temporary_directory_stays_as_it_is() {
    let Some(other) = other_user() else { return };
    let mine = Mine::new();
    let sticky = Permissions::from_mode(0o1777);
    fs::set_permissions(other.place(), sticky).expect("the directory is ours");
    let victim = mine.directory.path().display();
    other.does(&format!(
        "mkdir -m 777 handclasp-made; : > handclasp-made/lock; ln -s {victim} handclasp-linked"
    ));
    other.does("touch -d '2001-01-01' handclasp-made handclasp-made/lock");
    let plugins = Plugins::with("none");
    let check = handclasp(["check", "--only", "init"])
        .arg(plugins.file("none.so"))
        .env("TMPDIR", other.place())
        .output();
    assert_succeeds(&check.expect("the command runs"));
    assert!(other.path("handclasp-made/lock").exists(), "it was removed");
    assert!(other.path("handclasp-linked").is_symlink());
    let left = other.place().read_dir().expect("it is there");
    assert_eq!(left.count(), 2, "something was left behind");
    mine.assert_unchanged();
}
