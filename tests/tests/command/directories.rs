//! Which library a plugin's id leads to.
use crate::support::{
    Plugins, assert_fails, assert_succeeds, handclasp, hello, plugin, run, summary,
};
use handclasp::plugin::SearchPath;
use handclasp::{Host, HostOptions};
use std::fs;
use std::path::PathBuf;

#[test]
fn an_empty_directory() {
    let plugins = Plugins::new();
    let sentence = format!(
        "no plugin in {}: put a .so there; those that come with Handclasp are built by `make plugins`, and installed \
         with the host by `make install`",
        plugins.path()
    );
    assert_fails(
        &run(&["demo", "--plugin-dir", plugins.path()]),
        3,
        &sentence,
    );
}

#[test]
fn a_directory_that_is_not_there() {
    let plugins = Plugins::new();
    let missing = plugins.file("nowhere").display().to_string();
    let sentence = |named_by| {
        format!(
            "cannot look for plugins in {missing} (No such file or directory (os error 2)): make the directory, or \
             correct {named_by}"
        )
    };
    assert_fails(
        &run(&["demo", "--plugin-dir", &missing]),
        3,
        &sentence("--plugin-dir"),
    );
    let output = handclasp(["demo"])
        .env("HANDCLASP_PLUGIN_PATH", &missing)
        .output();
    assert_fails(
        &output.expect("the command runs"),
        3,
        &sentence("HANDCLASP_PLUGIN_PATH"),
    );
}

#[test]
fn a_plugin_that_is_not_there() {
    let plugins = Plugins::with("none");
    let output = run(&[
        "demo",
        "--plugin",
        "dtls-srpt",
        "--plugin-dir",
        plugins.path(),
    ]);
    let sentence = format!(
        "no plugin `dtls-srpt` in {}: there is `none`",
        plugins.path()
    );
    assert_fails(&output, 3, &sentence);
}

#[test]
fn a_library_under_another_name_is_found() {
    let plugins = Plugins::new();
    plugins.put(
        "what-my-package-calls-it.so",
        &fs::read(plugin("dtls-srtp")).expect("it is there"),
    );
    let output = run(&["demo", "--json", "--plugin-dir", plugins.path()]);
    assert_succeeds(&output);
    assert_eq!(summary(&output)["plugin"]["id"], "dtls-srtp");
}

#[test]
fn the_environment_names_directories() {
    let plugins = Plugins::new();
    plugins.compile("hello.so", &hello("1.0.0"));
    let mut demo = handclasp(["demo", "--plugin", "hello", "--json"]);
    demo.env("HANDCLASP_PLUGIN_PATH", plugins.path());
    assert_succeeds(&demo.output().expect("the command runs"));
    // An option replaces it.
    demo.args(["--plugin-dir", Plugins::with("none").path()]);
    assert_eq!(
        demo.output().expect("the command runs").status.code(),
        Some(3)
    );
}

#[test]
fn another_build_of_a_library_is_another_plugin() {
    let plugins = Plugins::new();
    let demo = || {
        let output = run(&[
            "demo",
            "--plugin",
            "hello",
            "--json",
            "--plugin-dir",
            plugins.path(),
        ]);
        assert_succeeds(&output);
        summary(&output)["plugin"].clone()
    };
    plugins.compile("hello.so", &hello("1.0.0"));
    let first = demo();
    plugins.compile("hello.so", &hello("1.0.1"));
    let second = demo();
    assert_eq!(
        (&first["version"], &second["version"]),
        (&"1.0.0".into(), &"1.0.1".into())
    );
    assert_ne!(first["sha256"], second["sha256"]);
}

#[test]
fn one_byte_more_is_another_digest() {
    let plugins = Plugins::with("none");
    let sha256 = || {
        let output = run(&[
            "demo",
            "--plugin",
            "none",
            "--json",
            "--plugin-dir",
            plugins.path(),
        ]);
        assert_succeeds(&output);
        summary(&output)["plugin"]["sha256"].clone()
    };
    let first = sha256();
    assert_eq!(sha256(), first, "nothing has changed");
    let mut library = fs::read(plugins.file("none.so")).expect("it is there");
    library.push(0);
    plugins.put("none.so", &library);
    assert_ne!(sha256(), first);
}

#[test]
fn a_running_host_takes_the_new_library() {
    let plugins = Plugins::new();
    plugins.compile("hello.so", &hello("1.0.0"));
    let path = SearchPath::from_dirs(vec![PathBuf::from(plugins.path())]);
    let options = HostOptions {
        plugins: path.expect("it is there"),
        loops: None,
        key_log: None,
    };
    let host = Host::new(options).expect("the system has threads to give");
    let first = host.plugin("hello").expect("it is sound");
    plugins.compile("hello.so", &hello("1.0.1"));
    let second = host.plugin("hello").expect("it is sound");
    let (first, second) = (first.description(), second.description());
    assert_eq!(
        (first.version.as_str(), second.version.as_str()),
        ("1.0.0", "1.0.1")
    );
    assert_ne!(first.sha256, second.sha256);
}
