//! What the README shows of plugins.
use crate::project::ROOT;
use std::fs;
use std::path::Path;

#[test]
fn the_plugin_of_the_readme_is_the_example_that_is_built_and_checked() {
    let read = |file: &str| fs::read_to_string(Path::new(ROOT).join(file)).expect("it is there");
    let readme = read("README.md");
    let (_, shown) = readme.split_once("```rust\n").expect("it shows one");
    let (shown, _) = shown.split_once("```\n").expect("and ends it");
    assert_eq!(shown, read("plugin-api/examples/hello.rs"));
}
