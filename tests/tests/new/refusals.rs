//! What `new` does not do.
use crate::project::new;
use std::fs;
use tempfile::TempDir;

fn scratch() -> TempDir {
    tempfile::tempdir().expect("the system's temporary directory is writable")
}

#[test]
fn a_directory_with_something_in_it_stays_as_it_is() {
    let scratch = scratch();
    let directory = scratch.path().join("taken");
    fs::create_dir(&directory).expect("its parent was just made");
    fs::write(directory.join("plugin.c"), "mine").expect("it was just made");
    let output = new(scratch.path(), &["--lang", "rust", "taken"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("taken is there already and not empty"),
        "{said}"
    );
    let left: Vec<_> = fs::read_dir(&directory).expect("it is there").collect();
    assert_eq!(left.len(), 1);
    let text = fs::read_to_string(directory.join("plugin.c")).expect("it is there");
    assert_eq!(text, "mine");
}

#[test]
fn an_empty_directory_is_as_good_as_none() {
    let scratch = scratch();
    fs::create_dir(scratch.path().join("empty")).expect("its parent was just made");
    let output = new(scratch.path(), &["--lang", "c", "empty"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_is_no_plugin_id_is_a_wrong_command_line() {
    let scratch = scratch();
    for name in ["My_Plugin", "../up", ""] {
        let output = new(scratch.path(), &["--lang", "c", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
    let left = fs::read_dir(scratch.path()).expect("it is there").count();
    assert_eq!(left, 0);
}
