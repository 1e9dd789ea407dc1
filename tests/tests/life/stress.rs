//! Every call of the crate's at random, for a while. `make stress` goes on for longer.
use handclasp_tests::{plugins, text};
use std::process::Command;

const SECONDS: &str = "20";

#[test]
fn every_call_at_random_from_threads_and_callbacks() {
    let mut stress = Command::new(env!("CARGO_BIN_EXE_stress"));
    let output = stress.arg(plugins()).arg(SECONDS).output();
    let output = output.expect("it was built");
    let (told, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{told}\n{said}", output.status);
}
