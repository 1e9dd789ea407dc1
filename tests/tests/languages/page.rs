//! docs/languages.md and the plugins it shows.
use crate::example::{Example, ROOT};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files that the page shows, by their names in `plugins/examples`.
fn shown(page: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let name = line
            .strip_prefix('`')
            .and_then(|line| line.strip_suffix("`:"));
        let Some(name) = name else { continue };
        assert_eq!(lines.next(), Some(""), "{name}");
        let fence = lines.next().expect("its text follows");
        assert!(fence.starts_with("```"), "{fence}");
        let text = lines.by_ref().take_while(|line| *line != "```");
        let text = text.map(|line| format!("{line}\n")).collect();
        files.insert(name.to_owned(), text);
    }
    files
}

#[test]
fn the_page_shows_the_files_as_they_are() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/languages.md"));
    let shown = shown(&page.expect("it is part of the tree"));
    let mut there = BTreeMap::new();
    for example in Example::ALL {
        for file in example.files() {
            let name = file.file_name().expect("it has one").to_string_lossy();
            let text = fs::read_to_string(&file).expect("it is text");
            there.insert(format!("{}/{name}", example.folder()), text);
        }
    }
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&shown), names(&there));
    for (name, text) in there {
        assert_eq!(shown[&name], text, "{name}");
    }
}

#[test]
fn readme_leads_to_the_page() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md"));
    assert!(
        readme
            .expect("it is part of the tree")
            .contains("](docs/languages.md)")
    );
}
