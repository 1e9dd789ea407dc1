//! What `make install` leaves is enough to write plugins with.
use crate::project::ROOT;
use handclasp_tests::{is_here, release};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A prefix with what was built before these tests, installed with a umask that leaves files writable for a
/// group.
fn prefix() -> PathBuf {
    static PREFIX: OnceLock<TempDir> = OnceLock::new();
    let directory = PREFIX.get_or_init(|| {
        let prefix = tempfile::tempdir().expect("the system's temporary directory is writable");
        let made = Command::new("sh")
            .args(["-c", "umask 002; exec make -o build install PLUGINS=none"])
            .env("PREFIX", prefix.path())
            .env("CARGO_TARGET_DIR", release().join(".."))
            .env_remove("MAKEFLAGS")
            .current_dir(ROOT)
            .output()
            .expect("there are a shell and make");
        assert!(made.status.success(), "{made:?}");
        prefix
    });
    directory.path().to_owned()
}

fn run(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    let Output { status, stdout, .. } = Command::new(program.as_ref())
        .args(arguments)
        .current_dir(prefix())
        .env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"))
        .env_remove("HANDCLASP_PLUGIN_PATH")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()));
    assert!(status.success(), "{arguments:?}");
    String::from_utf8(stdout).expect("these print UTF-8")
}

#[test]
fn the_installed_command_finds_the_installed_plugins() {
    let handclasp = prefix().join("bin/handclasp");
    let listed = run(&handclasp, &["plugins", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let plugins = listed["plugins"].as_array().expect("a list");
    let file = prefix().join("lib/handclasp/plugins/none.so");
    let file = file.canonicalize().expect("it was installed");
    let is_it = |plugin: &serde_json::Value| plugin["file"].as_str() == file.to_str();
    assert!(plugins.iter().any(is_it), "{listed}");
    let told = run(&handclasp, &["demo", "--plugin", "none"]);
    assert!(
        told.contains(" from lib/handclasp/plugins/none.so\n"),
        "{told}"
    );
}

#[test]
fn a_rust_plugin_depends_on_the_installed_sdk_which_stands_alone() {
    run(
        prefix().join("bin/handclasp"),
        &["new", "--lang", "rust", "mine"],
    );
    let manifest = prefix().join("mine/Cargo.toml");
    let text = fs::read_to_string(manifest).expect("it was just made");
    let sdk = prefix().join("share/handclasp/sdk/plugin-api");
    let real = sdk.canonicalize().expect("it was installed");
    assert!(
        text.contains(&format!("path = \"{}\"", real.display())),
        "{text}"
    );
    for folder in ["", "abi"] {
        let manifest = real.join(folder).join("Cargo.toml").display().to_string();
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let described = run(
            cargo,
            &[
                "metadata",
                "--no-deps",
                "--offline",
                "--format-version",
                "1",
                "--manifest-path",
                &manifest,
            ],
        );
        let described: serde_json::Value = serde_json::from_str(&described).expect("JSON");
        assert_eq!(
            described["packages"][0]["rust_version"],
            env!("CARGO_PKG_RUST_VERSION")
        );
    }
    assert_eq!(sources(&real), sources(&Path::new(ROOT).join("plugin-api")));
}

/// The Rust files below a folder, by their paths there.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("it is a folder") {
            let path = entry.expect("it is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(folder).expect("it was found there");
                found.push(below.to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn pkg_config_finds_the_header() {
    if !is_here("pkg-config", "pkg-config") {
        return;
    }
    let flags = run("pkg-config", &["--cflags", "handclasp"]);
    let include = format!("-I{}", prefix().join("include").display());
    assert_eq!(flags.trim(), include);
    let version = run("pkg-config", &["--modversion", "handclasp"]);
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
    assert!(prefix().join("include/handclasp.h").is_file());
}

#[test]
fn a_shell_offers_the_ids_of_plugins_and_no_hidden_subcommand() {
    let share = prefix().join("share/bash-completion/completions/handclasp");
    let offered = |words: &str, last: &str| {
        let script = format!(
            r#"source "$1"; COMP_WORDS=({words} "{last}"); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9
               _clap_complete_handclasp handclasp "{last}"; printf '%s\n' "${{COMPREPLY[@]}}""#
        );
        let path = format!("{}:/usr/bin:/bin", prefix().join("bin").display());
        let shell = Command::new("bash")
            .args(["-c", &script, "bash"])
            .arg(&share)
            .env("PATH", path)
            .env_remove("HANDCLASP_PLUGIN_PATH")
            .output()
            .expect("bash runs");
        let said = String::from_utf8_lossy(&shell.stderr);
        assert!(shell.status.success(), "{said}");
        String::from_utf8(shell.stdout).expect("bash writes what was offered")
    };
    for words in [
        "handclasp check",
        "handclasp plugins inspect",
        "handclasp demo --peer-plugin",
    ] {
        assert!(
            offered(words, "no").lines().any(|id| id == "none"),
            "{words}"
        );
    }
    let commands = offered("handclasp", "");
    assert!(
        commands.contains("demo") && !commands.contains("run-check"),
        "{commands}"
    );
}

#[test]
fn every_subcommand_has_a_page_and_every_shell_its_completions() {
    let help = run(prefix().join("bin/handclasp"), &["--help"]);
    let (_, commands) = help
        .split_once("Commands:\n")
        .expect("there are subcommands");
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<_> = names.filter(|name| !["", "help"].contains(name)).collect();
    assert!(names.contains(&"demo"), "{names:?}");
    for name in names {
        let page = prefix().join(format!("share/man/man1/handclasp-{name}.1"));
        assert!(page.is_file(), "{}", page.display());
    }
    let page = |name| {
        let page = prefix().join(format!("share/man/man1/{name}.1"));
        fs::read_to_string(page).expect("it was installed")
    };
    for part in [
        ".SH ENVIRONMENT",
        "HANDCLASP_LOG",
        ".SH EXAMPLES",
        ".SH \"SEE ALSO\"",
        "\\fBhandclasp\\-stream\\fR(1)",
    ] {
        assert!(page("handclasp").contains(part), "{part}");
    }
    assert!(page("handclasp-plugins-inspect").contains("\\fBhandclasp\\fR(1)"));
    for file in [
        "man/man1/handclasp.1",
        "bash-completion/completions/handclasp",
        "zsh/site-functions/_handclasp",
        "fish/vendor_completions.d/handclasp.fish",
    ] {
        let file = prefix().join("share").join(file);
        let text = fs::read_to_string(&file).expect("it was installed");
        assert!(
            !text.contains("generate") && !text.contains("run-check"),
            "{}",
            file.display()
        );
        let mode = fs::metadata(&file).map(|metadata| metadata.permissions().mode() & 0o777);
        assert_eq!(mode.ok(), Some(0o644), "{}", file.display());
    }
}
