//! What every command that uses plugins takes.
use super::exit::Failed;
use clap::Args;
use handclasp::plugin::{SearchPath, is_id};
use std::path::{Path, PathBuf};

/// Where plugins are looked for.
#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    /// Look for plugins here and nowhere else (repeatable). Without it: HANDCLASP_PLUGIN_PATH, then `plugins/`
    /// beside the executable, then lib/handclasp/plugins of the user, of where this is installed, and of the
    /// system
    #[arg(long = "plugin-dir", value_name = "DIR")]
    directories: Vec<PathBuf>,
}

impl PluginArgs {
    pub(super) fn search_path(&self) -> Result<SearchPath, Failed> {
        self.search_path_or(&[])
    }

    /// The same, with these where none is given.
    pub(super) fn search_path_or(&self, others: &[PathBuf]) -> Result<SearchPath, Failed> {
        let directories = match self.directories.is_empty() {
            true => others,
            false => &self.directories,
        };
        Ok(SearchPath::from_dirs(directories.to_vec())?)
    }
}

/// The id that an argument is; anything else, such as `./mine.so`, is a file.
pub(super) fn id_of(argument: &Path) -> Option<&str> {
    let text = argument.to_str()?;
    is_id(text.as_bytes()).then_some(text)
}
