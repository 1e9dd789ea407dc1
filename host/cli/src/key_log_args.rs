//! What every command that shakes hands takes, to let a person look inside.
use super::exit::Failed;
use clap::Args;
use handclasp::KeyLog;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct KeyLogArgs {
    /// Append the secrets of every handshake to this file, in the NSS key log format that Wireshark reads. Who
    /// can read the file can read the traffic: a new one is its owner's alone
    #[arg(long = "keylog", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl KeyLogArgs {
    /// The key log, if one was asked for.
    pub(super) fn open(&self) -> Result<Option<KeyLog>, Failed> {
        let opened = self.file.as_deref().map(KeyLog::open).transpose();
        opened.map_err(Failed::new)
    }
}
