//! The log of the daemon, as its configuration wants it.
use super::output::{exchange, standard_error};
use super::{SET_FILTER, VARIABLE, directives, start_as};
use handclasp::files::{self, Use};
use handclasp_serve::config::{Log, LogFormat};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tracing_subscriber::EnvFilter;

/// The file that is written to; standard error if there is none.
static PLACE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Starts it.
///
/// # Errors
/// Its file cannot be opened.
pub(in crate::log) fn start(log: &Log) -> Result<(), String> {
    let file = open(log.file.as_deref())?;
    set_place(log.file.clone());
    let asked = std::env::var(VARIABLE).unwrap_or_else(|_| log.level.clone());
    let is_file = log.file.is_some();
    start_as(&asked, log.format == LogFormat::Json, is_file, Ok(file));
    Ok(())
}

/// The configuration was read again.
pub(in crate::log) fn set(log: &Log) {
    if std::env::var_os(VARIABLE).is_none()
        && let Some(set_filter) = SET_FILTER.get()
        && let Ok(filter) = EnvFilter::try_new(directives(&log.level))
    {
        set_filter(filter);
    }
    if log.file.is_some() || place().is_some() {
        go_on_in(log.file.clone());
    }
}

/// Opens the file anew: whoever keeps old logs has renamed it.
pub(in crate::log) fn reopen() {
    if let Some(place) = place() {
        go_on_in(Some(place));
    }
}

/// Whether people at the terminal do not see the log.
pub(in crate::log) fn is_elsewhere() -> bool {
    place().is_some()
}

fn go_on_in(new: Option<PathBuf>) {
    match open(new.as_deref()) {
        Ok(file) => {
            exchange(file);
            set_place(new);
            tracing::info!("the log goes on here");
        }
        Err(sentence) => tracing::error!("the log stays where it is: {sentence}"),
    }
}

fn open(file: Option<&Path>) -> Result<File, String> {
    let Some(path) = file else {
        return standard_error().map_err(|error| sentence("standard error", &error));
    };
    let opened = files::open(path, Use::Append);
    opened.map_err(|error| sentence(&path.display().to_string(), &error))
}

fn sentence(what: &str, error: &io::Error) -> String {
    format!("{what} cannot be opened for the log ({error}): correct that, or log.file")
}

fn place() -> Option<PathBuf> {
    PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set_place(place: Option<PathBuf>) {
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
}
