//! An event loop that does not turn any more.
use crate::support::{Plugins, handclasp};
use handclasp_tests::in_time;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn a_plugin_that_holds_a_loop_is_named_with_its_call() {
    let plugins = Plugins::new();
    plugins.compile(
        "greeting.so",
        "#include <unistd.h>\n#define ON_READY pause();\n#include \"../check/greeting.h\"\n",
    );
    let mut child = handclasp([
        "demo",
        "--plugin",
        "greeting",
        "--plugin-dir",
        plugins.path(),
    ])
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .expect("the command runs");
    let stderr = child.stderr.take().expect("it is piped");
    let told = in_time("it says that its loop stands still", move || {
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        lines.find(|line| line.contains("has not turned"))
    });
    child.kill().expect("it waits for ever");
    child.wait().expect("it was started here");
    let told = told.expect("it ends by itself without having said so");
    let sentence =
        "has not turned for 2 s: plugin greeting is in its connection_ready: tell its author";
    assert!(told.contains(sentence), "{told}");
}
