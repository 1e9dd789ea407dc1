//! What tells a file from what it was before.
use super::os;
use std::path::Path;

/// A file as it is at one time: another one, or one that was written to since, has another stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(os::Stamp);

impl Stamp {
    /// That of the file there, links followed; `None` where there is nothing.
    pub fn of(path: &Path) -> Option<Self> {
        os::stamp(path).map(Self)
    }
}

/// Whether somebody has the file open to write to it: it is not whole yet. Known on Linux, of files whose owner this
/// process's user is, or root's process of any; not on network file systems. Elsewhere this is false.
pub fn is_being_written(path: &Path) -> bool {
    os::is_being_written(path)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Write as _;

    #[test]
    fn a_file_is_being_written_until_its_writer_has_closed_it() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("file");
        assert!(!is_being_written(&path), "it is not there");
        let mut writer = File::create(&path).expect("it is new");
        assert!(is_being_written(&path));
        writer.write_all(b"something").expect("there is room");
        assert!(is_being_written(&path));
        let stamp = Stamp::of(&path);
        drop(writer);
        assert!(!is_being_written(&path));
        assert_eq!(Stamp::of(&path), stamp);
        let reader = File::open(&path).expect("it is there");
        assert!(!is_being_written(&path), "readers change nothing");
        drop(reader);
        fs::write(&path, b"something else").expect("there is room");
        assert_ne!(Stamp::of(&path), stamp);
        assert!(!is_being_written(directory.path()));
    }

    #[test]
    fn writers_that_come_meanwhile_end_nobody() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("file");
        fs::write(&path, b"something").expect("there is room");
        let its = path.clone();
        let writer = std::thread::spawn(move || {
            for _ in 0..2000 {
                drop(File::options().append(true).open(&its));
            }
        });
        while !writer.is_finished() {
            is_being_written(&path);
        }
        writer.join().expect("it does not panic");
    }
}
