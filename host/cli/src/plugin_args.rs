//! What every command that uses plugins takes.
use super::exit::Failed;
use clap::Args;
use handclasp::plugin::SearchPath;
use std::path::PathBuf;

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
        Ok(SearchPath::from_dirs(self.directories.clone())?)
    }
}

/// Reads `KEY=VALUE`.
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    if key.is_empty() {
        return Err("the key before `=` is missing".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}
