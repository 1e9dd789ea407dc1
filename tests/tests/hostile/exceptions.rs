//! Exceptions that a plugin in C++ lets out. Nothing can catch them in this process, so it ends, but not without naming
//! plugin and call. Each is thrown in a process of its own: this test, started again.
use crate::support::{TESTS, Workshop, handclasp, set_mode, text};
use handclasp::plugin::{
    Effects, InitParameters, Plugin, PrivateCopies, Role, Started, Step, init, vet,
};
use handclasp_tests::is_here;
use std::env;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;

const FUNCTIONS: [&str; 12] = [
    "load",
    "init",
    "set_peer",
    "connection_ready",
    "is_handshake",
    "recv_from_peer",
    "on_deadline",
    "on_wake",
    "exporter",
    "close",
    "destroy",
    "unload",
];
const SIGABRT: i32 = 6;

/// The plugin of `tests/fixtures/throws.cpp`, if this machine can build it.
fn workshop() -> Option<Workshop> {
    if !is_here("c++", "g++") {
        return None;
    }
    let workshop = Workshop::new();
    let library = workshop.plugins().join("throws.so");
    let compiled = Command::new(env::var("CXX").unwrap_or_else(|_| "c++".to_owned()))
        .args(["-std=c++17", "-Wall", "-Wextra", "-Werror", "-shared"])
        .args(["-fPIC", "-fvisibility=hidden", "-I"])
        .arg(PathBuf::from(TESTS).join("../include"))
        .arg(PathBuf::from(TESTS).join("fixtures/throws.cpp"))
        .arg("-o")
        .arg(&library)
        .output()
        .expect("it was there just now");
    assert!(compiled.status.success(), "{}", text(&compiled.stderr));
    set_mode(&library, 0o755);
    Some(workshop)
}

/// Calls every function of the plugin, of which this one throws. Returns how it ended and what it said.
fn throw_in(workshop: &Workshop, function: &str) -> (ExitStatus, String) {
    let output = Command::new(env::current_exe().expect("a test is a program"))
        .args(["--exact", "exceptions::every_function_is_called"])
        .args(["--ignored", "--nocapture"])
        .env("THROWS_IN", function)
        .env("THROWS", workshop.plugins().join("throws.so"))
        .output()
        .expect("this program runs, so it can be run");
    (output.status, text(&output.stderr).to_owned())
}

fn sentence(function: &str) -> String {
    format!(
        "plugin throws: {function} threw an exception, which nothing can catch here: this process ends; report this to \
         the plugin's author"
    )
}

#[test]
fn one_that_is_thrown_ends_the_process_with_plugin_and_call_named() {
    let Some(workshop) = workshop() else { return };
    let (status, said) = throw_in(&workshop, "none of them");
    assert!(status.success(), "{said}");
    for function in FUNCTIONS {
        let (status, said) = throw_in(&workshop, function);
        assert_eq!(status.signal(), Some(SIGABRT), "{function}: {said}");
        let mut last = said.lines().rev();
        assert_eq!(last.next(), Some(&*sentence(function)), "{said}");
        assert_eq!(last.next(), Some("unwound"), "{said}");
    }
}

#[test]
fn the_demo_ends_with_the_same_sentence() {
    let Some(workshop) = workshop() else { return };
    let output = handclasp()
        .args(["demo", "--plugin", "throws", "--plugin-dir"])
        .arg(workshop.plugins())
        .env("THROWS_IN", "connection_ready")
        .output()
        .expect("the command runs");
    assert_eq!(output.status.signal(), Some(SIGABRT));
    let said = text(&output.stderr);
    assert!(said.contains(&sentence("connection_ready")), "{said}");
}

#[test]
#[ignore = "started by the others, in a process of its own"]
fn every_function_is_called() {
    let library = PathBuf::from(env::var_os("THROWS").expect("the others say where it is"));
    let found = vet(&library).expect("nothing is wrong with its file");
    let copy = PrivateCopies::new().copy(&found).expect("there is room");
    let plugin = Plugin::open(&copy, &Arc::default()).expect("nothing is wrong with it");
    let parameters = InitParameters {
        component_id: 1,
        component_count: 1,
        mtu: 1200,
        instance_id: 1,
        stream_id: 1,
        options: Arc::default(),
    };
    let mut effects = Effects::default();
    let Ok(Started::AwaitingPeer(instance)) = init(&plugin, &parameters, 0, &mut effects) else {
        panic!("it takes its peer's parameters");
    };
    let Ok(Step::Pending(instance)) = instance.set_peer(Role::Initiator, b"", 0, &mut effects)
    else {
        panic!("it is in progress");
    };
    let Ok(Step::Pending(mut instance)) = instance.connection_ready(0, &mut effects) else {
        panic!("it has not heard from its peer");
    };
    assert!(instance.is_handshake(b"?"));
    let Ok(Step::Finished(instance, _)) = instance.recv_from_peer(b"?", 0, &mut effects) else {
        panic!("it has heard from its peer");
    };
    let instance = instance.on_deadline(0, &mut effects).expect("all is well");
    let mut instance = instance.on_wake(0, &mut effects).expect("all is well");
    let mut exported = [0; 4];
    let answer = instance.export(b"label", None, &mut exported);
    assert_eq!((answer, exported), (Ok(()), [1; 4]));
    let closed = instance.close(0, &mut effects).expect("all is well");
    closed.destroy();
}
