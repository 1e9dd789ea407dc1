//! Calls of a plugin whose `init` waits for a file.
use super::{Helpers, InitCall, Pools, Returns};
use crate::net::mailbox::Mailbox;
use crate::plugin::{Call, InitParameters, Plugin, PrivateCopies, Request, Scratch, vet};
use mio::{Poll, Token, Waker};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn gated_init(directory: &Path) -> Arc<Plugin> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let library = directory.join("gated-init.so");
    let compiled = Command::new("cc")
        .args(["-std=c11", "-fPIC", "-shared", "-o"])
        .args([&library, &root.join("tests/fixtures/gated_init.c")])
        .arg("-I")
        .arg(root.join("include"))
        .status();
    assert!(compiled.is_ok_and(|status| status.success()));
    let found = vet(&library).expect("it is a plugin");
    let copy = PrivateCopies::new().copy(&found).expect("there is room");
    Plugin::open(&copy, &Arc::default()).expect("it is a good one")
}

fn mailbox() -> Arc<Mailbox> {
    let poll = Poll::new().expect("the system can wait");
    let waker = Waker::new(poll.registry(), Token(0)).expect("and be woken");
    Arc::new(Mailbox::new(waker))
}

/// What has been called of the plugin, how often.
fn noted(gate: &Path, what: &str) -> usize {
    fs::read(gate.with_extension(what)).map_or(0, |noted| noted.len())
}

fn submit(
    helpers: &mut Helpers,
    stream: u64,
    gate: &Path,
    returns: &Arc<Returns>,
    plugin: &Arc<Plugin>,
) {
    let parameters = InitParameters {
        component_id: 1,
        component_count: 1,
        mtu: 1200,
        instance_id: stream,
        stream_id: stream,
        options: [("gate".to_owned(), gate.display().to_string())].into(),
    };
    let request = Request {
        instance_id: stream,
        call: Call::Init(parameters),
    };
    let call = InitCall::new(request, None, Arc::clone(returns));
    helpers.submit(Instant::now(), plugin, stream, call, PATIENCE);
}

#[test]
fn at_the_end_what_waits_is_dropped_and_what_is_under_way_is_waited_for() {
    let scratch = Scratch::new().expect("the temporary directory is writable");
    let plugin = gated_init(scratch.path());
    let gate: PathBuf = scratch.path().join("gate");
    let pools = Arc::new(Pools::new(Instant::now(), 1));
    let mut helpers = Helpers::new(Arc::clone(&pools), mailbox());
    let returns = Arc::new(Returns::new(Arc::clone(&plugin)));
    for stream in 1..=3 {
        submit(&mut helpers, stream, &gate, &returns, &plugin);
    }
    helpers.dispatch(Instant::now());
    let begun = Instant::now();
    while noted(&gate, "begun") == 0 {
        assert!(begun.elapsed() < PATIENCE, "none has begun");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(!pools.finish(Duration::ZERO), "one waits for its gate");
    let dropped = returns.take();
    let has_instance = |made: &crate::plugin::Made| made.completion().has_instance;
    assert!(dropped.len() == 2 && !dropped.iter().any(has_instance));
    returns.close(); // the stream has ended
    fs::write(&gate, "").expect("the directory was just made");
    assert!(pools.finish(Duration::MAX));
    submit(&mut helpers, 4, &gate, &returns, &plugin);
    assert_eq!(helpers.dispatch(Instant::now()), None);
    assert!(pools.finish(Duration::ZERO), "nothing begins any more");
    assert_eq!((noted(&gate, "begun"), noted(&gate, "destroyed")), (1, 1));
}
