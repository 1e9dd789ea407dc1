//! Values for options that a plugin requires and the command line does not give.
use handclasp::plugin::{OptionKind, OptionSpec};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Long enough for a secret.
const TEXT: &str = "made-up-by-handclasp-check-0123456789abcdef";

/// What was given, then a made-up value for each option that would be missing. Files are made in the directory.
pub(super) fn complete(
    specs: &[OptionSpec],
    given: &[(String, String)],
    directory: &Path,
) -> io::Result<Vec<(String, String)>> {
    let is_missing = |spec: &&OptionSpec| {
        spec.required && spec.default.is_none() && given.iter().all(|(key, _)| *key != spec.key)
    };
    let invented = specs.iter().filter(is_missing).map(|spec| {
        let value = match spec.kind {
            OptionKind::String => TEXT.to_owned(),
            OptionKind::Integer => "1".to_owned(),
            OptionKind::Boolean => "true".to_owned(),
            OptionKind::File => file(TEXT.as_bytes(), directory)?,
        };
        Ok((spec.key.clone(), value))
    });
    given.iter().cloned().map(Ok).chain(invented).collect()
}

/// The path of a new file with these contents.
pub(super) fn file(contents: &[u8], directory: &Path) -> io::Result<String> {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!("made-up-{number}"));
    File::create_new(&path)?.write_all(contents)?;
    let path = path.into_os_string().into_string();
    path.map_err(|_| io::Error::other("the temporary directory's path is not UTF-8"))
}

/// What an option's value stands for: of a file, what is in it.
pub(super) fn meaning(kind: OptionKind, value: &str) -> Vec<u8> {
    match kind {
        OptionKind::File => fs::read(value).unwrap_or_default(),
        _ => value.as_bytes().to_vec(),
    }
}
