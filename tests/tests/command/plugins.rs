//! `handclasp plugins`.
use crate::support::{Plugins, assert_fails, assert_succeeds, handclasp, hello, json, run, text};
use handclasp::plugin::{Loader, Scanner, SearchPath, Services};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn a_list_is_aligned_and_says_how_far_layouts_are_known() {
    let plugins = Plugins::with("dtls-srtp");
    plugins.compile("hello.so", &hello("1.10.100"));
    let output = run(&["plugins", "list", "--plugin-dir", plugins.path()]);
    assert_succeeds(&output);
    let (directory, version) = (plugins.path(), env!("CARGO_PKG_VERSION"));
    let expected = format!(
        "PLUGIN     VERSION   LAYOUT    FILE\n\
         dtls-srtp  {version:<8}  verified  {directory}/dtls-srtp.so\n\
         hello      1.10.100  declared  {directory}/hello.so\n"
    );
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn a_list_says_what_is_shadowed_and_what_is_refused() {
    let (first, second) = (Plugins::with("none"), Plugins::with("none"));
    second.compile("hello.so", &hello("1.0.0"));
    let open = second.file("hello.so");
    fs::set_permissions(&open, Permissions::from_mode(0o666)).expect("it is ours");
    let list = [
        "plugins",
        "list",
        "--plugin-dir",
        first.path(),
        "--plugin-dir",
        second.path(),
    ];
    let (used, shadowed) = (first.file("none.so"), second.file("none.so"));
    let version = env!("CARGO_PKG_VERSION");
    let reason = format!(
        "{} can be changed by other users (its mode is 0666): run `chmod go-w` on it",
        open.display()
    );

    let output = run(&list);
    assert_succeeds(&output);
    let stdout = text(&output.stdout);
    let (_, rest) = stdout.split_once("\n\n").expect("sections stand apart");
    let expected = format!(
        "Shadowed\n{} (none {version}) by {}\n\nRefused\n{reason}\n",
        shadowed.display(),
        used.display()
    );
    assert_eq!(rest, expected);

    let output = run(&[&list[..], &["--json"]].concat());
    assert_succeeds(&output);
    let listed = &json(&output)[0];
    assert_eq!(listed["plugins"][0]["file"], json!(used));
    assert_eq!(listed["plugins"][0]["layout"], "verified");
    let expected = json!([{"id": "none", "version": version, "file": shadowed, "by": used}]);
    assert_eq!(listed["shadowed"], expected);
    assert_eq!(listed["refused"], json!([{"file": open, "reason": reason}]));
    assert_eq!(listed["searched"], json!([first.path(), second.path()]));
}

#[test]
fn who_uses_the_highest_version_of_several_is_told_of_the_others() {
    let plugins = Plugins::new();
    for version in ["1.0.0", "10.0.0", "9.0.0"] {
        plugins.compile(&format!("hello-{version}.so"), &hello(version));
    }
    let (directory, used) = (plugins.path(), plugins.file("hello-10.0.0.so"));
    let others =
        ["1.0.0", "9.0.0"].map(|version| (version, plugins.file(&format!("hello-{version}.so"))));

    let output = run(&["plugins", "list", "--json", "--plugin-dir", directory]);
    assert_succeeds(&output);
    let listed = &json(&output)[0];
    assert_eq!(listed["plugins"][0]["version"], "10.0.0");
    let shadowed = others.each_ref().map(
        |(version, file)| json!({"id": "hello", "version": version, "file": file, "by": used}),
    );
    assert_eq!(listed["shadowed"], json!(shadowed));
    assert_eq!(listed["refused"], json!([]));

    let inspect = ["plugins", "inspect", "hello", "--plugin-dir", directory];
    let output = run(&inspect);
    assert_succeeds(&output);
    for (version, file) in &others {
        let line = format!("  shadows         {} ({version})\n", file.display());
        assert!(
            text(&output.stdout).contains(&line),
            "{}",
            text(&output.stdout)
        );
    }
    let said = &json(&run(&[&inspect[..], &["--json"]].concat()))[0];
    let shadows = others
        .each_ref()
        .map(|(version, file)| json!({"version": version, "file": file}));
    assert_eq!(said["shadows"], json!(shadows));

    let mut stream = handclasp(["stream", "--plugin", "hello", "--plugin-dir", directory]);
    let output = stream
        .stdin(Stdio::null())
        .output()
        .expect("the command runs");
    let [(_, first), (_, second)] = others;
    let warning = format!(
        "plugin hello: {} (10.0.0) is used, the highest version, and not {} (1.0.0), {} (9.0.0): remove what is not \
         meant from that directory",
        used.display(),
        first.display(),
        second.display()
    );
    assert_eq!(
        json(&output)[0],
        json!({"event": "warning", "warning": warning})
    );
}

#[test]
fn inspect_takes_a_file_and_check_an_id() {
    let plugins = Plugins::new();
    plugins.compile("mine.so", &hello("1.0.0"));
    let file = plugins.file("mine.so");
    let output = run(&["plugins", "inspect", "--json", &file.display().to_string()]);
    assert_succeeds(&output);
    let said = &json(&output)[0];
    assert_eq!(
        (&said["id"], &said["file"]),
        (&json!("hello"), &json!(file))
    );
    assert_eq!(said["payload_protection"], "none");
    let output = run(&["plugins", "inspect", "./no.so"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("./no.so cannot be read"));

    let check = [
        "check",
        "--json",
        "--only",
        "load",
        "--plugin-dir",
        plugins.path(),
    ];
    let output = run(&[&check[..], &["hello"]].concat());
    assert_succeeds(&output);
    assert_eq!(json(&output)[0]["file"], json!(file));
    let output = run(&[&check[..], &["helo"]].concat());
    assert_fails(&output, 3, "no plugin `helo`: did you mean `hello`?");
}

#[test]
fn the_next_stream_uses_a_newer_file_whatever_its_name() {
    let plugins = Plugins::new();
    plugins.compile("hello.so", &hello("1.0.0"));
    let path = SearchPath::from_dirs(vec![plugins.path().into()]).expect("it is there");
    let loader = Loader::new(path, Services::default(), Scanner::none());
    let version = || {
        let plugin = loader.load("hello").expect("it can be used");
        plugin.description().version.clone()
    };
    assert_eq!(version(), "1.0.0");
    let backup = plugins.file("a-backup.so");
    fs::copy(plugins.file("hello.so"), &backup).expect("the directory is ours");
    plugins.compile("hello.so", &hello("2.0.0"));
    assert_eq!(version(), "2.0.0");
    // Written to in place, which its directory does not show.
    plugins.compile("elsewhere", &hello("3.0.0"));
    assert_eq!(version(), "2.0.0");
    fs::copy(plugins.file("elsewhere"), &backup).expect("it is ours");
    assert_eq!(version(), "3.0.0");
}

#[test]
fn a_list_of_nothing_fails_as_the_demo_does() {
    let plugins = Plugins::new();
    let list = ["plugins", "list", "--plugin-dir", plugins.path()];
    let sentence = format!(
        "no plugin in {}: put a .so there; those that come with Handclasp are built by `make plugins`, and installed \
         with the host by `make install`",
        plugins.path()
    );
    let output = run(&list);
    assert_fails(&output, 3, &sentence);
    assert_eq!(text(&output.stdout), "");
    let output = run(&[&list[..], &["--json"]].concat());
    assert_fails(&output, 3, &sentence);
    assert_eq!(json(&output)[0]["plugins"], json!([]));
}

#[test]
fn inspection_tells_all_to_scripts() {
    let output = run(&["plugins", "inspect", "dtls-srtp", "--json"]);
    assert_succeeds(&output);
    let said = &json(&output)[0];
    let file = said["file"].as_str().expect("a path is text");
    assert!(file.ends_with("plugins/dtls-srtp.so"), "{file}");
    assert_eq!(said["sha256"].as_str().map(str::len), Some(64));
    for (key, value) in [
        ("id", json!("dtls-srtp")),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("license", json!("MIT OR Apache-2.0")),
        ("layout", json!("verified")),
        ("own_clock", json!(false)),
        ("needs_system", json!(false)),
        ("init_data_type", json!("sdp-attributes:fingerprint")),
        ("handshake_data_type", json!("srtp-keys")),
        ("first_bytes", json!([[20, 63]])),
    ] {
        assert_eq!(said[key], value, "{key}");
    }
    let (major, minor) = (handclasp_abi::HC_ABI_MAJOR, handclasp_abi::HC_ABI_MINOR);
    assert_eq!(said["abi"], format!("{major}.{minor}"));
    let peer = json!({"id": "hc.peer/1", "required": true, "known": true});
    assert!(
        said["extensions"]
            .as_array()
            .expect("a list")
            .contains(&peer)
    );
    let options = said["options"].as_array().expect("a list");
    let option = options.iter().find(|option| option["key"] == "version");
    let option = option.expect("it has a choice of versions");
    assert_eq!(
        (&option["type"], &option["default"]),
        (&json!("string"), &json!("auto"))
    );
    for key in ["certificate", "private-key"] {
        let option = options.iter().find(|option| option["key"] == key);
        assert_eq!(option.expect("it takes a certificate")["type"], "file");
    }
    let listed = run(&["plugins", "list", "--json"]);
    let listed = &json(&listed)[0]["plugins"];
    let listed = listed.as_array().expect("a list");
    let listed = listed.iter().find(|plugin| plugin["id"] == "dtls-srtp");
    assert_eq!(listed.expect("it is there")["options"], said["options"]);
}

/// One of everything that a descriptor may say.
const TALKATIVE: &str = r#"
#include "broken.h"
static const hc_option all[] = {
    { "mode", "fast", "How it goes about it", HC_OPTION_STRING, 0 },
    { "retries", "3", "", HC_OPTION_INTEGER, 0 },
    { "key", "swordfish", "A secret of both sides", HC_OPTION_STRING, HC_OPTION_SECRET | HC_OPTION_REQUIRED },
    { "name", NULL, "Another name of the peer", HC_OPTION_STRING, HC_OPTION_REPEATED },
    { "strict", NULL, "No compromises", HC_OPTION_BOOLEAN, 0 },
    { "anchor", NULL, "Whom to believe", HC_OPTION_FILE, HC_OPTION_REPEATED },
};
static const hc_extension many[] = {
    { HC_CLASSIFY, &classify, sizeof classify, HC_EXTENSION_REQUIRED },
    { HC_TIMER, &timer, sizeof timer, 0 },
    { "com.example.more/1", &timer, sizeof timer, 0 },
};
HC_PLUGIN("talkative", "0.9", HC_OWN_CLOCK | HC_NEEDS_SYSTEM,
          HC_ABOUT("Talkative\x1b[31m", "Example, Inc.", "Zlib", "Says everything"),
          HC_DATA_TYPES("greeting", NULL), HC_OPTIONS(all), HC_EXTENSIONS(many),
          HC_FUNCTIONS(make, ask, hear, destroy));
"#;

#[test]
fn inspection_tells_all_to_people() {
    let plugins = Plugins::new();
    plugins.compile("talkative.so", TALKATIVE);
    let output = run(&[
        "plugins",
        "inspect",
        "talkative",
        "--plugin-dir",
        plugins.path(),
    ]);
    assert_succeeds(&output);
    let stdout = text(&output.stdout);
    let (head, rest) = stdout
        .split_once("  sha256          ")
        .expect("there is a digest");
    let (sha256, rest) = rest.split_once('\n').expect("a digest ends its line");
    assert_eq!(sha256.len(), 64);
    let (major, minor) = (handclasp_abi::HC_ABI_MAJOR, handclasp_abi::HC_ABI_MINOR);
    let expected_head = format!(
        "Talkative [31m: Says everything

Plugin
  id              talkative
  version         0.9
  vendor          Example, Inc.
  license         Zlib
  file            {}
",
        plugins.file("talkative.so").display()
    );
    assert_eq!(head, expected_head);
    let expected_rest = format!(
        "  abi             {major}.{minor}, layout declared
  clock           the system's: it is woken in real time only
  needs           sockets, devices or other processes
  tells its peer  greeting
  agrees on       nothing
  payloads        leave in the clear: the application encrypts them with what is agreed on

Options
  mode     How it goes about it
           string, default \"fast\"
  retries
           integer, default \"3\"
  key      A secret of both sides
           string, default not shown, required, secret
  name     Another name of the peer
           string, repeatable
  strict   No compromises
           boolean
  anchor   Whom to believe
           file, repeatable

Extensions
  hc.classify/1       required  takes datagrams with first byte 33, 63
  hc.timer/1          used      is called when a deadline is due
  com.example.more/1  ignored   this host does not know it
"
    );
    assert_eq!(rest, expected_rest);
    assert!(
        !text(
            &run(&[
                "plugins",
                "inspect",
                "talkative",
                "--json",
                "--plugin-dir",
                plugins.path()
            ])
            .stdout
        )
        .contains("swordfish")
    );
}

#[test]
fn inspection_of_what_is_not_there_says_what_is() {
    let plugins = Plugins::with("none");
    let output = run(&[
        "plugins",
        "inspect",
        "nothing",
        "--plugin-dir",
        plugins.path(),
    ]);
    let sentence = format!("no plugin `nothing` in {}: there is `none`", plugins.path());
    assert_fails(&output, 3, &sentence);
}
