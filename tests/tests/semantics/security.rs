//! What SECURITY.md says is shown by tests that are there.
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The sources below a directory, as one text.
fn sources(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("it is in the tree");
    let mut text = String::new();
    for path in entries.map(|entry| entry.expect("it can be read").path()) {
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).expect("sources are UTF-8");
        }
    }
    text
}

/// The names in code spans that can be those of tests.
fn names(document: &str) -> BTreeSet<&str> {
    let spans = document.split('`').skip(1).step_by(2);
    let is_name = |span: &&str| {
        let is_of_one = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        span.matches('_').count() >= 3 && span.chars().all(is_of_one)
    };
    spans.filter(is_name).collect()
}

#[test]
fn every_test_that_security_md_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("SECURITY.md")).expect("it is in the tree");
    let names = names(&document);
    assert!(names.len() >= 15, "{names:?}");
    let sources = sources(&root.join("host/src")) + &sources(&root.join("tests/tests"));
    for name in names {
        let declared = format!("fn {name}(");
        assert!(sources.contains(&declared), "SECURITY.md names {name}");
    }
}
