//! The libraries that drive the daemon, by their own tests.
use handclasp_tests::program;
use std::path::Path;
use std::process::Command;

#[test]
fn the_clients_pass_their_own_tests() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/test.sh");
    let output = Command::new(script).arg(program()).output();
    let output = output.expect("there is a shell");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    println!("{told}{errors}");
    assert!(output.status.success(), "{told}{errors}");
}
