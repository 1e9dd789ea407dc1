use std::env::join_paths;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::fixture::{Source, directory, directory_of};
use crate::plugin::{Catalogue, FindError, SearchPath, VetError};

fn scan(directories: &[&tempfile::TempDir]) -> Catalogue {
    let explicit = directories
        .iter()
        .map(|directory| directory.path().to_owned())
        .collect();
    SearchPath::from_dirs(explicit).expect("they exist").scan()
}

fn ids(catalogue: &Catalogue) -> Vec<&str> {
    catalogue
        .plugins
        .iter()
        .map(|plugin| plugin.id.as_str())
        .collect()
}

#[test]
fn libraries_are_found_in_the_order_of_their_names() {
    let directory = directory_of(&[("zeta", "a.so"), ("alpha", "b.so")]);
    fs::write(directory.path().join("README"), "no library").expect("it is ours");
    let catalogue = scan(&[&directory]);
    assert_eq!(ids(&catalogue), ["zeta", "alpha"]);
    assert!(catalogue.refused.is_empty() && catalogue.shadowed.is_empty());
    assert_eq!(catalogue.find("alpha").expect("it is there").version, "1.0");
}

#[test]
fn the_first_directory_wins() {
    let (first, second) = (
        directory_of(&[("echo", "z.so")]),
        directory_of(&[("echo", "a.so")]),
    );
    let catalogue = scan(&[&first, &second]);
    assert_eq!(
        catalogue.find("echo").expect("it is there").path,
        first.path().join("z.so")
    );
    assert_eq!(catalogue.shadowed[0].path, second.path().join("a.so"));
    assert!(catalogue.refused.is_empty());
}

/// A directory with a file for each name and version, all of one id, and of one age unless that is changed.
fn versions(files: &[(&str, &'static [u8])]) -> tempfile::TempDir {
    let directory = directory();
    for (name, version) in files {
        let source = Source {
            version,
            ..Source::default()
        };
        made_at(&source.compile(directory.path(), name), 0);
    }
    directory
}

fn made_at(file: &Path, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
    let file = fs::File::options().write(true).open(file);
    (file.and_then(|file| file.set_modified(time))).expect("it is ours");
}

#[test]
fn of_one_id_in_one_directory_the_highest_version_wins() {
    let directory = versions(&[
        ("hello-1.10.0.so", b"1.10.0"),
        ("hello-1.9.0.so", b"1.9.0"),
        ("hello-2.0.0-rc.1.so", b"2.0.0-rc.1"),
        ("hello-2.0.0.so", b"2.0.0"),
        ("hello-old.so", b"0.1"),
    ]);
    made_at(&directory.path().join("hello-1.9.0.so"), 60);
    let catalogue = scan(&[&directory]);
    let used = catalogue.find("echo").expect("it is there");
    assert_eq!(used.version, "2.0.0");
    assert_eq!(
        (ids(&catalogue), catalogue.shadowed.len()),
        (vec!["echo"], 4)
    );
    assert!(catalogue.refused.is_empty());
    let choice = catalogue.choice(used).expect("there was one");
    let used = format!(
        "plugin echo: {} (2.0.0) is used, the highest version, and not ",
        used.path.display()
    );
    assert!(choice.starts_with(&used), "{choice}");
    assert!(
        choice.contains("hello-2.0.0-rc.1.so (2.0.0-rc.1)"),
        "{choice}"
    );
}

#[test]
fn of_one_version_the_newest_file_wins() {
    let directory = versions(&[("a.so", b"1.0"), ("b.so", b"1.0"), ("c.so", b"1.0")]);
    let used = directory.path().join("b.so");
    made_at(&used, 60);
    let catalogue = scan(&[&directory]);
    let found = catalogue.find("echo").expect("it is there");
    assert_eq!(found.path, used);
    let choice = catalogue.choice(found).expect("there was one");
    assert!(
        choice.contains("the newest file of the highest version"),
        "{choice}"
    );
}

#[test]
fn an_earlier_directory_wins_over_a_higher_version() {
    let (first, second) = (versions(&[("a.so", b"1.0")]), versions(&[("a.so", b"2.0")]));
    let catalogue = scan(&[&first, &second]);
    let found = catalogue.find("echo").expect("it is there");
    assert_eq!(
        (found.version.as_str(), catalogue.choice(found)),
        ("1.0", None)
    );
}

#[test]
fn a_directory_named_twice_is_searched_once() {
    let directory = directory_of(&[("echo", "a.so")]);
    let catalogue = scan(&[&directory, &directory]);
    assert_eq!(catalogue.searched, [directory.path()]);
    assert!(catalogue.refused.is_empty());
}

#[test]
fn a_bad_library_hides_no_other() {
    let directory = directory_of(&[("echo", "b.so")]);
    Source {
        magic: 0,
        ..Source::default()
    }
    .compile(directory.path(), "a.so");
    let catalogue = scan(&[&directory]);
    assert_eq!(ids(&catalogue), ["echo"]);
    assert!(matches!(
        catalogue.refused[0].error,
        VetError::Magic { magic: 0 }
    ));
}

#[test]
fn named_directories_must_exist() {
    let missing = directory().path().join("missing");
    let error = SearchPath::from_dirs(vec![missing.clone()]).expect_err("it is not there");
    let text = error.to_string();
    assert!(
        text.contains("missing") && text.contains("SearchPath::from_dirs"),
        "{text}"
    );
    let error = SearchPath::new(Vec::new(), Some(missing.into()), None).expect_err("nor here");
    assert!(
        error.to_string().contains("HANDCLASP_PLUGIN_PATH"),
        "{error}"
    );
}

#[test]
fn the_variable_comes_before_the_executable_s_directory_and_that_before_the_installed() {
    let (first, second, tree) = (directory(), directory(), directory());
    let variable = join_paths([first.path(), second.path()]).expect("no colons");
    let executable = tree.path().join("handclasp");
    let path = SearchPath::new(Vec::new(), Some(variable), Some(executable)).expect("they exist");
    let searched = path.scan().searched;
    let named: [PathBuf; 3] = [
        first.path().into(),
        second.path().into(),
        tree.path().join("plugins"),
    ];
    assert_eq!(searched[..3], named);
    assert!(searched.len() > 3, "{searched:?}");
}

#[test]
fn an_installed_executable_knows_its_prefix_which_the_user_overrides() {
    let executable = PathBuf::from("/opt/handclasp/bin/handclasp");
    let path = SearchPath::new(Vec::new(), None, Some(executable)).expect("nothing is named");
    let searched = path.scan().searched;
    let place = |prefix: &str| {
        let directory = PathBuf::from(prefix).join("lib/handclasp/plugins");
        let place = searched.iter().position(|searched| *searched == directory);
        place.unwrap_or_else(|| panic!("no {} in {searched:?}", directory.display()))
    };
    let home = std::env::home_dir().expect("tests have a home");
    let user = home.join(".local").display().to_string();
    assert!(place(&user) < place("/opt/handclasp"));
    assert!(place("/opt/handclasp") < place("/usr/local"));
}

#[test]
fn named_directories_replace_all_others() {
    let (named, other) = (directory(), directory());
    let path = SearchPath::new(vec![named.path().into()], Some(other.path().into()), None);
    assert_eq!(path.expect("they exist").scan().searched, [named.path()]);
}

#[test]
fn an_empty_entry_of_the_variable_is_nothing() {
    let listed = |variable: &str| {
        SearchPath::new(Vec::new(), Some(variable.into()), None).expect("nothing is named")
    };
    assert_eq!(listed("::").scan().searched, listed("").scan().searched);
}

#[test]
fn an_empty_directory_says_what_to_put_there() {
    let directory = directory();
    let error = scan(&[&directory]).find("echo").expect_err("there is none");
    let text = error.to_string();
    assert!(matches!(error, FindError::Empty { .. }));
    assert!(
        text.starts_with(&format!("no plugin in {}: ", directory.path().display())),
        "{text}"
    );
    assert!(text.contains("`make plugins`"), "{text}");
}

#[test]
fn an_unknown_id_is_answered_with_what_was_meant_or_all_there_are() {
    let directory = directory_of(&[("echo", "a.so"), ("none", "b.so")]);
    let catalogue = scan(&[&directory]);
    let text = |id| catalogue.find(id).expect_err("there is none").to_string();
    assert_eq!(text("ecco"), "no plugin `ecco`: did you mean `echo`?");
    let all = format!(
        "no plugin `wireguard` in {}: there are `echo`, `none`",
        directory.path().display()
    );
    assert_eq!(text("wireguard"), all);
}

#[test]
fn where_all_are_refused_the_first_says_why() {
    let directory = directory();
    fs::write(directory.path().join("a.so"), "text").expect("it is ours");
    let catalogue = scan(&[&directory]);
    let text = catalogue
        .find("echo")
        .expect_err("there is none")
        .to_string();
    assert!(text.contains(&catalogue.refused[0].to_string()), "{text}");
}
