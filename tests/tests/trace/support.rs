//! Sessions recorded for the tests, and programs to look at them with.
use handclasp::trace::{Datagram, Trace, What};
use handclasp_tests::plugins;
use handclasp_tests::processes::handclasp_stream;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) use handclasp_tests::text;

/// The command, with the project's plugins.
pub(crate) fn handclasp(arguments: &[&str]) -> Command {
    let mut command = Command::new(handclasp_stream().get_program());
    command.env("HANDCLASP_PLUGIN_PATH", plugins());
    command.env_remove("HANDCLASP_LOG").args(arguments);
    command
}

/// A recorded demo, with room for what is made of it.
pub(crate) struct Session {
    directory: TempDir,
    pub(crate) trace: Trace,
}

impl Session {
    /// A demo with these options and its `--trace`.
    #[track_caller]
    pub(crate) fn demo(options: &[&str]) -> Self {
        let (session, output) = Self::attempt(options);
        let complaint = text(&output.stderr);
        assert!(output.status.success(), "{options:?}: {complaint}");
        session
    }

    /// The same, and how it ended.
    pub(crate) fn attempt(options: &[&str]) -> (Self, Output) {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let file = directory.path().join("session.jsonl");
        let mut demo = handclasp(&["demo", "--trace"]);
        let output = demo.arg(&file).args(options).output();
        let output = output.expect("the command runs");
        let trace = read(&file);
        (Self { directory, trace }, output)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What `handclasp trace` makes of it.
    pub(crate) fn show(&self, options: &[&str]) -> String {
        let mut show = handclasp(&["trace"]);
        show.args(options).arg(self.file("session.jsonl"));
        text(&succeed(&mut show).stdout)
    }

    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (&str, &Datagram)> {
        let records = self.trace.records.iter();
        records.filter_map(|record| match &record.what {
            What::Datagram(datagram) => Some((record.stream.as_str(), datagram)),
            _ => None,
        })
    }
}

pub(crate) fn read(file: &Path) -> Trace {
    let contents = fs::read(file).expect("the trace is there");
    Trace::read(&*contents).unwrap_or_else(|error| panic!("{error}"))
}

/// It ends well; what it complained of is shown if not.
#[track_caller]
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    output
}

/// It fails with this code and this one sentence.
#[track_caller]
pub(crate) fn fail(command: &mut Command, code: i32, sentence: &str) {
    let output = command.output().expect("the command runs");
    let expected = (Some(code), format!("error: {sentence}\n"));
    assert_eq!((output.status.code(), text(&output.stderr)), expected);
}
