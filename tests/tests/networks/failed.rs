//! Two streams that do not connect.
use handclasp_tests::processes::{Pair, Side, handclasp_stream};
use handclasp_tests::{Namespace, await_that};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Long enough for each side to see all that the other does.
const ICE_TIMEOUT: [&str; 2] = ["--ice-timeout", "4"];

/// Two streams, and their logs.
pub(crate) struct Streams {
    pub(crate) pair: Pair,
    logs: TempDir,
}

/// The same, once both have failed.
pub(crate) struct Failed {
    reasons: [String; 2],
    _streams: Streams,
}

impl Streams {
    /// Starts both, A in the first network, with these arguments each. A controls. What one says is carried to the other,
    /// unless that is left to the test.
    pub(crate) fn start(
        networks: [&Namespace; 2],
        arguments: [&[&str]; 2],
        initiator: Option<Side>,
    ) -> Self {
        let logs = tempfile::tempdir().expect("there is room");
        let commands = Side::BOTH.map(|side| {
            let mut stream = handclasp_stream();
            stream.args(ICE_TIMEOUT).args(arguments[side as usize]);
            if side == Side::A {
                stream.arg("--controlling");
            }
            let mut inside = networks[side as usize].inside(&stream);
            let log = fs::File::create(log(&logs, side)).expect("there is room");
            inside.stderr(log);
            inside
        });
        let pair = Pair::start(commands, initiator);
        Self { pair, logs }
    }

    /// Waits for both to fail. Each tells once, as it ends, what its event says.
    pub(crate) fn fail(mut self) -> Failed {
        let reasons = Side::BOTH.map(|side| {
            let failed = self.pair.expect(side, "component_state_failed");
            assert_eq!(failed["kind"], "ice");
            failed["reason"].as_str().expect("a sentence").to_owned()
        });
        for side in Side::BOTH {
            let logged = || {
                let log = fs::read_to_string(log(&self.logs, side)).expect("it is UTF-8");
                let is_it = |line: &&str| line.contains(&reasons[side as usize]);
                log.lines().filter(is_it).count()
            };
            await_that("it is in the log", || logged() > 0);
            assert_eq!(logged(), 1, "{side:?} logs it once");
        }
        Failed {
            reasons,
            _streams: self,
        }
    }
}

fn log(logs: &TempDir, side: Side) -> PathBuf {
    logs.path().join(format!("{side:?}"))
}

impl Failed {
    /// What one side says has these parts.
    #[track_caller]
    pub(crate) fn expect(&self, side: Side, parts: &[&str]) {
        let reason = &self.reasons[side as usize];
        println!("{side:?}: {reason}");
        for part in parts {
            assert!(reason.contains(part), "no {part:?} in: {reason}");
        }
    }
}

/// Two streams in these networks have failed.
pub(crate) fn fail(networks: [&Namespace; 2], arguments: [&[&str]; 2]) -> Failed {
    Streams::start(networks, arguments, Some(Side::A)).fail()
}
