//! Where a page or a capture goes.
use crate::exit::Failed;
use crate::{log, stdio};
use handclasp::files::{self, Use};
use handclasp::printable;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) enum Output {
    Standard,
    /// The user has named it.
    File(PathBuf),
    /// Made from the trace's name, which may be anybody's.
    Beside(PathBuf),
}

impl Output {
    /// A file that the user has named, and that is not the trace itself.
    pub(super) fn file(path: PathBuf, trace: &Path) -> Result<Self, Failed> {
        let same = match (fs::canonicalize(&path), fs::canonicalize(trace)) {
            (Ok(path), Ok(trace)) => path == trace,
            _ => false,
        };
        if same {
            let path = path.display();
            return Err(Failed::usage(format!(
                "{path} is the trace, which would be overwritten: name another file"
            )));
        }
        Ok(Self::File(path))
    }

    /// Writes it, its owner's alone as the trace is, and says where it is.
    pub(super) fn write(&self, contents: &[u8]) -> Result<(), Failed> {
        let (path, file, remedy) = match self {
            Self::Standard => {
                return stdio::write(contents).or_else(|error| stdio::unless_closed(&error));
            }
            Self::File(path) => {
                let file = files::open(path, Use::Replace);
                (path, file, "name a file that you may write to")
            }
            Self::Beside(path) => {
                let remedy = "name the file, as in --html=OUT and --pcap=OUT";
                (path, files::create(path), remedy)
            }
        };
        let written = file.and_then(|mut file| {
            files::empty(&file)?;
            file.write_all(contents)
        });
        let path = path.display();
        written.map_err(|error| {
            Failed::new(format!("{path} cannot be written ({error}): {remedy}"))
        })?;
        log::say_last(&printable(&format!("Written: {path}")));
        Ok(())
    }
}
