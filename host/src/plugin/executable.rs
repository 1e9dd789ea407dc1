//! Where this program's own file is.
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// This program's file: the one that the system has in mind; where it does not tell, as without /proc, the one that
/// the name leads to by which the program was started.
pub(super) fn executable() -> Option<PathBuf> {
    env::current_exe().ok().or_else(|| {
        let name = env::args_os().next()?;
        let listed = env::var_os("PATH").unwrap_or_default();
        named(&name, &listed)
    })
}

/// The same, to be started again: whatever has been put in its place on disk meanwhile.
pub(super) fn running_executable() -> Option<PathBuf> {
    let running = Path::new("/proc/self/exe");
    match executable().filter(|named| named.is_file()) {
        // Without /proc; or the system runs Valgrind, which runs this program.
        Some(named) if !is_same_file(&named, running) => Some(named),
        _ if running.exists() => Some(running.to_owned()),
        named => named,
    }
}

#[cfg(unix)]
fn is_same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| path.metadata().map(|it| (it.dev(), it.ino())).ok();
    identity(a).is_some() && identity(a) == identity(b)
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> bool {
    false
}

/// As a shell finds a program: a name with a directory in it is a path, any other is looked up in those `listed`.
fn named(name: &OsStr, listed: &OsStr) -> Option<PathBuf> {
    let name = Path::new(name);
    let is_path = name
        .parent()
        .is_some_and(|parent| !parent.as_os_str().is_empty());
    let mut found = match is_path {
        true => vec![std::path::absolute(name).ok()?],
        // An empty entry would be the current directory.
        false => env::split_paths(listed)
            .filter(|it| it.is_absolute())
            .map(|it| it.join(name))
            .collect(),
    }
    .into_iter();
    found.find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::named;
    use std::ffi::OsStr;
    use std::fs;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let program = directory.path().join("program");
        fs::write(&program, "").expect("it is ours");
        let listed = std::env::join_paths([".".as_ref(), "/none".as_ref(), directory.path()]);
        let listed = listed.expect("no colon is in it");
        let find = |name: &OsStr| named(name, &listed);
        assert_eq!(find(program.as_os_str()), Some(program.clone()));
        assert_eq!(find("program".as_ref()), Some(program.clone()));
        assert_eq!(find("other".as_ref()), None);
        assert_eq!(find("./program".as_ref()), None, "it is a path");
    }
}
