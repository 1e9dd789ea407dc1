//! Which library a plugin's id leads to.
use crate::support::{
    Plugins, assert_fails, assert_succeeds, handclasp, hello, plugin, run, summary, text,
};
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::{Host, HostOptions};
use handclasp_tests::{Lacking, skip};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

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

/// In a mount namespace of its own, where nothing is in /proc.
#[test]
fn without_proc_the_plugins_beside_the_executable_are_found() {
    let place = tempfile::tempdir().expect("the temporary directory is writable");
    let program = place.path().join("handclasp");
    fs::copy(handclasp([""]).get_program(), &program).expect("the directory was just made");
    fs::create_dir(place.path().join("plugins")).expect("the directory was just made");
    let library = place.path().join("plugins/none.so");
    fs::copy(plugin("none"), &library).expect("the directory was just made");
    let mut inside = Command::new("unshare");
    inside.args(["--mount", "sh", "-c"]);
    inside.arg("mount -t tmpfs none /proc || exit 77; exec \"$0\" \"$@\"");
    inside.arg(&program).args(["plugins", "list", "--json"]);
    inside.env_remove("HANDCLASP_PLUGIN_PATH");
    let output = inside.output();
    let output = match output {
        Ok(output)
            if output.status.code() != Some(77) && !text(&output.stderr).contains("unshare:") =>
        {
            output
        }
        _ => {
            return skip(
                "a machine without /proc",
                &Lacking("no mount namespace: run the tests as root".to_owned()),
            );
        }
    };
    assert_succeeds(&output);
    let listed = text(&output.stdout);
    assert!(listed.contains(&library.display().to_string()), "{listed}");
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

fn host(plugins: &Plugins) -> Host {
    let path = SearchPath::from_dirs(vec![PathBuf::from(plugins.path())]);
    let options = HostOptions::new(path.expect("it is there")).scanner(Scanner::none());
    Host::new(options).expect("the system has threads to give")
}

#[test]
fn a_library_that_comes_back_while_it_is_in_use_is_not_loaded_again() {
    let plugins = Plugins::new();
    let load = "static int loaded;\n\
        static hc_status load(void) { return loaded++ ? HC_ERROR_BAD_STATE : HC_PENDING; }\n\
        static void unload(void) { loaded--; }\n\nHC_PLUGIN(";
    let of = |version: &str| {
        let source = hello(version).replace("HC_PLUGIN(", load);
        let source = source.replace("HC_FUNCTIONS(", "HC_FUNCTIONS_AND_LOAD(load, unload, ");
        assert!(source.contains("AND_LOAD(load, unload, init"), "{source}");
        source
    };
    let host = host(&plugins);
    plugins.compile("hello.so", &of("1.0.0"));
    let library = fs::read(plugins.file("hello.so")).expect("it was just compiled");
    let first = host.plugin("hello").expect("it is sound");
    plugins.compile("hello.so", &of("1.0.1"));
    let second = host.plugin("hello").expect("it is sound");
    plugins.put("hello.so", &library);
    let third = host.plugin("hello").expect("it is loaded once");
    assert!(Arc::ptr_eq(&first, &third) && !Arc::ptr_eq(&first, &second));
    // Once nobody uses it, it is unloaded, and may be loaded again.
    drop((first, third));
    plugins.compile("hello.so", &of("1.0.2"));
    host.plugin("hello").expect("it is sound");
    plugins.put("hello.so", &library);
    host.plugin("hello").expect("it was unloaded");
}

#[test]
fn a_running_host_takes_the_new_library() {
    let plugins = Plugins::new();
    plugins.compile("hello.so", &hello("1.0.0"));
    let host = host(&plugins);
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
