//! Libraries that are refused before any of their callbacks run.
use crate::support::{Workshop, handclasp, sentence, set_mode, text};
use handclasp::plugin::{self, Refusal, VetError, vet};
use handclasp_abi::hc_plugin;
use std::fs;
use std::path::Path;

/// A refusal: how its sentence goes on after the file, and how it ends.
struct Refused {
    cause: &'static str,
    remedy: &'static str,
}

const REBUILD: &str = ": rebuild the plugin against this host's handclasp.h";
const REBUILD_IN_RUST_TOO: &str =
    ": rebuild the plugin against this host's handclasp.h, or in Rust with its handclasp-plugin";

#[track_caller]
fn assert_sentence(sentence: &str, file: &Path, expected: &Refused) {
    let start = format!("{} {}", file.display(), expected.cause);
    assert!(
        sentence.starts_with(&start),
        "{sentence}\nhas not the cause\n{start}"
    );
    assert!(
        sentence.ends_with(expected.remedy),
        "{sentence}\nhas not the remedy {}",
        expected.remedy
    );
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
}

/// The file is refused unopened, by `vet` and by every command, and hinders no other plugin.
#[track_caller]
fn is_refused_unopened(
    workshop: &Workshop,
    file: &Path,
    is: fn(&VetError) -> bool,
    expected: &Refused,
) {
    let refusal = vet(file).expect_err("it must not be used");
    let Refusal { file: named, error } = &refusal;
    assert!(named == file && is(error), "{error:?}");
    assert_sentence(&refusal.to_string(), file, expected);

    is_refused_by_commands(workshop, "sound", &refusal.to_string());
    assert!(!workshop.opened().exists(), "its constructors ran");
    workshop.compile("sound", &[]);
    let error = workshop
        .loader()
        .load("broken")
        .expect_err("there is no such plugin")
        .to_string();
    assert!(error.contains("there is `sound`; refused: 1"), "{error}");
    hinders_nobody(workshop, &refusal.to_string());
}

/// The library passes vetting and is refused once it is open, before its first instance.
#[track_caller]
fn is_refused_opened(workshop: &Workshop, id: &str, expected: &Refused) {
    let loader = workshop.loader();
    let found = loader
        .catalogue()
        .find(id)
        .expect("its file is in order")
        .path
        .clone();
    let error = loader.load(id).expect_err("it must not be used");
    assert!(matches!(error, plugin::Error::Open(_)), "{error:?}");
    assert_sentence(&error.to_string(), &found, expected);

    let demo = workshop.demo(id, &[]);
    assert_eq!(
        (demo.status.code(), sentence(&demo)),
        (Some(3), error.to_string())
    );
    let list = list(workshop);
    assert_eq!(list.status.code(), Some(3));
    assert!(
        text(&list.stdout).contains(&error.to_string()),
        "{}",
        text(&list.stdout)
    );
    workshop.compile("sound", &[]);
    hinders_nobody(workshop, &error.to_string());
    assert_eq!(workshop.instances(), 2, "only the sound plugin's");
}

#[track_caller]
fn is_refused_by_commands(workshop: &Workshop, id: &str, refusal: &str) {
    let expected = format!(
        "no plugin in {} can be used: {refusal}",
        workshop.plugins().display()
    );
    for output in [workshop.demo(id, &[]), list(workshop)] {
        assert_eq!(
            (output.status.code(), sentence(&output)),
            (Some(3), expected.clone())
        );
    }
}

#[track_caller]
fn hinders_nobody(workshop: &Workshop, refusal: &str) {
    let demo = workshop.demo("sound", &[]);
    assert!(demo.status.success(), "{}", text(&demo.stderr));
    let list = list(workshop);
    let listed = text(&list.stdout);
    assert!(
        list.status.success() && listed.contains(refusal),
        "{listed}"
    );
}

fn list(workshop: &Workshop) -> std::process::Output {
    let directory = workshop.plugins();
    let mut list = handclasp();
    list.env("BROKEN_OPENED", workshop.opened());
    list.args(["plugins", "list", "--plugin-dir"])
        .arg(directory);
    list.output().expect("the command runs")
}

#[track_caller]
fn source_is_refused(
    name: &str,
    is: fn(&VetError) -> bool,
    cause: &'static str,
    remedy: &'static str,
) {
    let workshop = Workshop::new();
    let file = workshop.compile(name, &[]);
    is_refused_unopened(&workshop, &file, is, &Refused { cause, remedy });
}

#[track_caller]
fn source_is_refused_opened(name: &str, cause: &'static str, remedy: &'static str) {
    let workshop = Workshop::new();
    workshop.compile(name, &[]);
    is_refused_opened(
        &workshop,
        &name.replace('_', "-"),
        &Refused { cause, remedy },
    );
    assert!(workshop.opened().exists(), "constructors leave a mark");
}

#[test]
fn wrong_magic() {
    source_is_refused(
        "wrong_magic",
        |error| {
            matches!(
                error,
                VetError::Magic {
                    magic: 0x1122_3344_5566_7788
                }
            )
        },
        "exports a `handclasp_plugin` that is no descriptor (its magic number is 0x1122334455667788)",
        ": define it with the macro of handclasp.h, or with `export!` in Rust",
    );
}

#[test]
fn truncated_descriptor() {
    source_is_refused(
        "truncated_descriptor",
        |error| matches!(error, VetError::ShortDescriptor { bytes } if *bytes < size_of::<hc_plugin>()),
        "holds 112 bytes of a descriptor that needs ",
        REBUILD,
    );
}

#[test]
fn other_major_version() {
    source_is_refused(
        "other_major",
        |error| matches!(error, VetError::AbiVersion { major: 7, .. }),
        "was built for plugin ABI 7.",
        REBUILD_IN_RUST_TOO,
    );
}

#[test]
fn other_minor_version() {
    source_is_refused(
        "other_minor",
        |error| matches!(error, VetError::AbiVersion { minor: 99, .. }),
        "was built for plugin ABI 0.99, this host speaks 0.",
        REBUILD_IN_RUST_TOO,
    );
}

#[test]
fn unterminated_id() {
    source_is_refused(
        "unterminated_id",
        |error| matches!(error, VetError::Id { .. }),
        "has the id \"an-id-that-fills-its-field-to-the-very-last-byte\": an id has 1 to 47 characters",
        "the first a letter or a digit",
    );
}

#[test]
fn dependency_beside_the_plugin() {
    let workshop = Workshop::new();
    let file = workshop.compile("sound", &["-Wl,-rpath,$ORIGIN/lib"]);
    fs::rename(&file, workshop.plugins().join("origin.so")).expect("it is ours");
    is_refused_unopened(
        &workshop,
        &workshop.plugins().join("origin.so"),
        |error| matches!(error, VetError::OriginRelative { .. }),
        &Refused {
            cause: "needs \"$ORIGIN/lib\": dependencies relative to the plugin's place cannot be found",
            remedy: "so link them statically or install them in the system's library path",
        },
    );
}

#[test]
fn no_library_at_all() {
    let workshop = Workshop::new();
    let file = workshop.plugins().join("notes.so");
    fs::write(&file, "To do: write a plugin.\n").expect("it is ours");
    set_mode(&file, 0o755);
    is_refused_unopened(
        &workshop,
        &file,
        |error| matches!(error, VetError::NotALibrary(_)),
        &Refused {
            cause: "is not a library this host can read (",
            remedy: "build it as a shared library (`cc -shared`, or crate type `cdylib`)",
        },
    );
}

#[test]
fn a_file_anybody_can_write() {
    let workshop = Workshop::new();
    let file = workshop.plugins().join("open.so");
    fs::rename(workshop.compile("sound", &[]), &file).expect("it is ours");
    set_mode(&file, 0o777);
    is_refused_unopened(
        &workshop,
        &file,
        |error| matches!(error, VetError::Writable { mode: 0o777 }),
        &Refused {
            cause: "can be changed by other users (its mode is 0777)",
            remedy: ": run `chmod go-w` on it",
        },
    );
}

#[test]
fn null_function() {
    source_is_refused_opened(
        "null_function",
        "has no recv_from_peer in its descriptor",
        "; fill it in and rebuild the plugin",
    );
}

#[test]
fn null_table() {
    source_is_refused_opened(
        "null_table",
        "declares hc.timer/1 without a table",
        "; give it one and rebuild the plugin",
    );
}

#[test]
fn null_entry_of_a_table() {
    source_is_refused_opened(
        "null_entry",
        "has a table for hc.timer/1 that lacks a function",
        "; fill it in and rebuild the plugin",
    );
}

#[test]
fn wrong_table_size() {
    source_is_refused_opened(
        "wrong_table_size",
        "has a table for hc.timer/1 of 16 bytes instead of 8",
        "; rebuild it against this host's handclasp.h",
    );
}

#[test]
fn required_extension_that_the_host_lacks() {
    source_is_refused_opened(
        "unknown_requirement",
        "requires extension hc.teleport/1, which this host does not have",
        "; use a newer host",
    );
}

#[test]
fn missing_dependency() {
    let workshop = Workshop::new();
    let dependency = workshop.dependency("absent");
    let place = format!(
        "-L{}",
        dependency.parent().expect("it is in a directory").display()
    );
    workshop.compile("missing_dependency", &[&place, "-labsent"]);
    fs::remove_file(dependency).expect("it is ours");
    let expected = Refused {
        cause: "cannot be opened (it needs libabsent.so: No such file or directory)",
        remedy: "install that library, or link it statically",
    };
    is_refused_opened(&workshop, "missing-dependency", &expected);
}

#[test]
fn failing_load() {
    source_is_refused_opened(
        "failing_load",
        "cannot be used: its load failed (it cannot do what was asked)",
        "; put right what it needs, which its log may say, or ask its author",
    );
}

#[test]
fn what_was_not_loaded_is_not_unloaded() {
    let workshop = Workshop::new();
    workshop.compile("failing_load", &[]);
    let mut inspect = handclasp();
    inspect.args(["plugins", "inspect", "failing-load", "--plugin-dir"]);
    inspect
        .arg(workshop.plugins())
        .env("BROKEN_JOURNAL", workshop.journal());
    let output = inspect.output().expect("the command runs");
    assert_eq!(output.status.code(), Some(3));
    let calls = fs::read_to_string(workshop.journal()).expect("load has noted its call");
    assert_eq!(calls, "load\n");
}
