//! What the system's linker says of a library, told by its cause and by the plugin's own name.
use crate::support::{Plugins, handclasp, hello, json, text};
use handclasp_tests::{cc, is_here};
use std::fs;
use std::path::Path;

/// The one library there is refused with this sentence after its name, by every command that would use it, and the
/// copy that was opened is not named.
#[track_caller]
fn is_refused(plugins: &Plugins, sentence: &str) {
    let expected = format!("{} {sentence}", plugins.file("hello.so").display());
    let listed = handclasp(["plugins", "list", "--json", "--plugin-dir", plugins.path()]).output();
    let listed = listed.expect("the command runs");
    let reason = json(&listed)[0]["refused"][0]["reason"].clone();
    assert_eq!(reason, expected);
    assert_eq!(listed.status.code(), Some(3), "there is no other");
    for command in [
        ["plugins", "inspect", "hello"].as_slice(),
        &["demo", "--plugin", "hello"],
    ] {
        let refused = handclasp(command)
            .args(["--plugin-dir", plugins.path()])
            .output();
        let refused = refused.expect("the command runs");
        let error = format!("error: {expected}\n");
        assert_eq!(
            (refused.status.code(), text(&refused.stderr)),
            (Some(3), error)
        );
    }
}

/// The example of the header with this before its descriptor.
fn with(text: &str) -> String {
    let source = hello("1.0.0").replace("HC_PLUGIN(", &format!("{text}\n\nHC_PLUGIN("));
    assert!(source.contains(text));
    source
}

/// A function of another library that the plugin cannot do without.
const CALLS: &str = "extern int gone(void);\n\
    int (*const uses)(void) __attribute__((used, visibility(\"hidden\"))) = gone;";

/// A library that has that function, to link with.
fn gone(directory: &Path, name: &str, flags: &[&str]) -> String {
    let (source, library) = (directory.join("gone.c"), directory.join(name));
    let text =
        "__attribute__((visibility(\"default\"))) int gone(void);\nint gone(void) { return 0; }\n";
    fs::write(&source, text).expect("the directory was just made");
    let soname = format!("-Wl,-soname,{name}");
    cc(&source, &library, &[&[&*soname], flags].concat());
    library.display().to_string()
}

#[test]
fn an_undefined_symbol() {
    let plugins = Plugins::new();
    plugins.compile("hello.so", &with(CALLS));
    is_refused(
        &plugins,
        "cannot be opened (undefined symbol gone): link it with `-Wl,-z,defs`, which names such symbols when it is \
         built, and add the source or the library that has this one",
    );
}

#[test]
fn a_library_that_is_missing() {
    let (plugins, directory) = (Plugins::new(), tempfile::tempdir().expect("there is room"));
    let library = gone(directory.path(), "libgone-for-a-test.so.1", &[]);
    plugins.compile_with("hello.so", &with(CALLS), &[&library]);
    is_refused(
        &plugins,
        "cannot be opened (it needs libgone-for-a-test.so.1: No such file or directory): install that library, or \
         link it statically",
    );
}

#[test]
fn a_symbol_version_of_a_newer_system() {
    let (plugins, directory) = (Plugins::new(), tempfile::tempdir().expect("there is room"));
    let script = directory.path().join("versions");
    fs::write(&script, "GLIBC_2.99 { global: gone; };\n").expect("the directory was just made");
    let script = format!("-Wl,--version-script={}", script.display());
    // As the system's own library is called, which has no such version.
    let library = gone(directory.path(), "libm.so.6", &[&script]);
    plugins.compile_with("hello.so", &with(CALLS), &[&library]);
    is_refused(
        &plugins,
        "cannot be opened (it needs GLIBC_2.99, which this system's libm.so.6 does not have): build it on a system \
         that is no newer than this one",
    );
}

#[test]
fn static_tls_that_is_used_up() {
    let plugins = Plugins::new();
    let room = "static __thread char room[1 << 20];\n\
        char *use_room(void);\n\
        char *use_room(void) { return room; }";
    plugins.compile_with("hello.so", &with(room), &["-ftls-model=initial-exec"]);
    is_refused(
        &plugins,
        "cannot be opened (the process has no room left for its thread-local variables): compile everything in it with \
         `-fPIC` and without `-ftls-model=initial-exec`",
    );
}

#[test]
fn a_sanitizer_s_runtime() {
    let plugins = Plugins::new();
    // As gcc does it, the library names the runtime; as clang does it, it lacks the runtime's functions.
    for (compiler, package) in [("gcc", "gcc"), ("clang", "clang")] {
        if !is_here(compiler, package) {
            continue;
        }
        let source = plugins.file("hello.c");
        fs::write(&source, hello("1.0.0")).expect("the directory is ours");
        let made = std::process::Command::new(compiler)
            .args([
                "-shared",
                "-fPIC",
                "-fvisibility=hidden",
                "-fsanitize=address",
                "-I",
            ])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../include"))
            .arg(&source)
            .arg("-o")
            .arg(plugins.file("hello.so"))
            .output()
            .expect("it was just looked for");
        assert!(made.status.success(), "{}", text(&made.stderr));
        let listed =
            handclasp(["plugins", "list", "--json", "--plugin-dir", plugins.path()]).output();
        let reason =
            json(&listed.expect("the command runs"))[0]["refused"][0]["reason"].to_string();
        assert!(
            reason.contains("/hello.so ") && !reason.contains("/fd/"),
            "{reason}"
        );
        assert!(
            reason.contains("sanitizer") && reason.contains("without `-fsanitize`"),
            "{reason}"
        );
    }
}
