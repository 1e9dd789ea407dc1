//! The project on disk.
use super::template::templates;
use super::{Language, Sdk, quote};
use crate::exit::Failed;
use handclasp::files::Directory;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A project that was written.
pub(super) struct Project {
    pub(super) directory: PathBuf,
    /// The directories above it that were not there, the outermost first.
    pub(super) parents: Vec<PathBuf>,
    /// Below `directory`.
    pub(super) files: Vec<&'static str>,
}

impl Project {
    /// Writes a project into `directory`, which may exist if it is empty and belongs to this user or to root.
    pub(super) fn write(
        language: Language,
        name: &str,
        directory: PathBuf,
        sdk: &Sdk,
    ) -> Result<Self, Failed> {
        let failed = |error| cannot_write(&directory, &error);
        let above = directory.ancestors().skip(1);
        let missing = above.take_while(|at| !at.as_os_str().is_empty() && !at.exists());
        let mut parents: Vec<_> = missing.map(Path::to_owned).collect();
        parents.reverse();
        let made = Directory::make(&directory).map_err(failed)?;
        if !made.is_empty().map_err(failed)? {
            return Err(Failed::new(format!(
                "{} is there already and not empty: give another name, or another place with --dir",
                directory.display()
            )));
        }
        // The library will lie in it, and a host opens none from where others can put another in its place.
        made.close_to_others().map_err(failed)?;
        let mut files = Vec::new();
        for template in templates(language) {
            let text = fill(template.text, name, sdk);
            write_new(&made, template.path, &text)
                .map_err(|error| cannot_write(&directory.join(template.path), &error))?;
            files.push(template.path);
        }
        Ok(Self {
            directory,
            parents,
            files,
        })
    }
}

fn fill(text: &str, name: &str, sdk: &Sdk) -> String {
    text.replace("@NAME@", name)
        .replace("@INCLUDE@", &quote::make(&sdk.include.to_string_lossy()))
        .replace("@SDK@", &quote::toml(&sdk.rust.to_string_lossy()))
}

fn write_new(project: &Directory, path: &str, text: &str) -> io::Result<()> {
    let mut file = match path.rsplit_once('/') {
        Some((below, name)) => project.within(Path::new(below))?.create(name, 0o644),
        None => project.create(path, 0o644),
    }?;
    file.write_all(text.as_bytes())
}

fn cannot_write(path: &Path, error: &io::Error) -> Failed {
    Failed::new(format!(
        "{} cannot be written ({error}): give a place that can be with --dir",
        path.display()
    ))
}
