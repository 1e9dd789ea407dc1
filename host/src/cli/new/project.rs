//! The project on disk.
use super::template::templates;
use super::{Language, Sdk, quote};
use crate::cli::exit::Failed;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A project that was written.
pub(super) struct Project {
    pub(super) directory: PathBuf,
    /// Below `directory`.
    pub(super) files: Vec<&'static str>,
}

impl Project {
    /// Writes a project into `directory`, which may exist if it is empty.
    pub(super) fn write(
        language: Language,
        name: &str,
        directory: PathBuf,
        sdk: &Sdk,
    ) -> Result<Self, Failed> {
        let failed = |error| cannot_write(&directory, &error);
        if is_occupied(&directory).map_err(failed)? {
            return Err(Failed::new(format!(
                "{} is there already and not empty: give another name, or another place with --dir",
                directory.display()
            )));
        }
        make_directory(&directory).map_err(failed)?;
        let mut files = Vec::new();
        for template in templates(language) {
            let text = fill(template.text, name, sdk);
            let path = directory.join(template.path);
            write_new(&path, &text).map_err(|error| cannot_write(&path, &error))?;
            files.push(template.path);
        }
        Ok(Self { directory, files })
    }
}

fn is_occupied(directory: &Path) -> io::Result<bool> {
    match directory.read_dir() {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The library will lie in it, and a host opens none from where others can put another in its place.
fn make_directory(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn fill(text: &str, name: &str, sdk: &Sdk) -> String {
    text.replace("@NAME@", name)
        .replace("@INCLUDE@", &quote::make(&sdk.include.to_string_lossy()))
        .replace("@SDK@", &quote::toml(&sdk.rust.to_string_lossy()))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create_new(path)?.write_all(text.as_bytes())
}

fn cannot_write(path: &Path, error: &io::Error) -> Failed {
    Failed::new(format!(
        "{} cannot be written ({error}): give a place that can be with --dir",
        path.display()
    ))
}
