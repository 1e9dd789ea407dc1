//! `handclasp new`: a small, complete plugin project.
//!
//! `template` is what a project is made of, `sdk` finds what it builds against, `project` writes it, and
//! `quote` keeps a path one word wherever it is written.
mod project;
mod quote;
mod sdk;
mod template;

use super::exit::Failed;
use super::stdio;
use clap::{Args, ValueEnum};
use handclasp::plugin::is_id;
use project::Project;
use sdk::Sdk;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write a small plugin project: a handshake with a pre-shared key, complete and ready to be changed.
///
/// Whatever the language, all speak the same protocol. The project is made in the directory NAME.
#[derive(Debug, Args)]
pub(super) struct New {
    /// What to write it in
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
    /// The plugin's id: a-z, 0-9 and `-`
    #[arg(value_parser = plugin_id)]
    name: String,
    /// Make the project's directory in this one; what is missing of it is made, and told
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// C11, with OpenSSL's libcrypto
    C,
    /// C++17, with OpenSSL's libcrypto
    Cpp,
    /// Rust, with cargo
    Rust,
}

impl New {
    pub(super) fn run(self) -> Result<(), Failed> {
        let directory = match &self.dir {
            Some(parent) => parent.join(&self.name),
            None => PathBuf::from(&self.name),
        };
        let project = Project::write(self.lang, &self.name, directory, &Sdk::find()?)?;
        let next = next_steps(&self.name, &project.directory);
        if self.json {
            let files: Vec<_> = project.files.iter().map(|file| file.to_string()).collect();
            stdio::say(json!({
                "plugin": self.name,
                "directory": project.directory,
                "parents": project.parents,
                "files": files,
                "next": next,
            }));
            return Ok(());
        }
        for parent in &project.parents {
            stdio::say(format_args!("Made the directory {}", parent.display()));
        }
        let files = project.files.join(", ");
        stdio::say(format_args!(
            "Made {}: {files}",
            project.directory.display()
        ));
        stdio::say("Next:");
        for command in next {
            stdio::say(format_args!("    {command}"));
        }
        Ok(())
    }
}

/// Commands for a shell, from the directory this one was run in.
fn next_steps(name: &str, directory: &Path) -> [String; 5] {
    let handclasp = quote::shell(&invoked_as().to_string_lossy());
    let library = format!("{name}.{}", std::env::consts::DLL_EXTENSION);
    [
        format!("cd {}", quote::shell(&directory.to_string_lossy())),
        "make".to_owned(),
        format!("{handclasp} check {library}"),
        format!("{handclasp} check --sanitize {library}"),
        format!(
            "{handclasp} demo --plugin-dir . --plugin {name} --option psk=a-secret-for-this-demo"
        ),
    ]
}

/// This program, so that it is found from another directory too.
fn invoked_as() -> PathBuf {
    let typed = std::env::args_os().next().map(PathBuf::from);
    let from_the_path = |typed: &PathBuf| typed.parent() == Some(Path::new(""));
    match typed.filter(from_the_path) {
        Some(name) => name,
        None => std::env::current_exe().unwrap_or_else(|_| "handclasp".into()),
    }
}

fn plugin_id(text: &str) -> Result<String, &'static str> {
    match is_id(text.as_bytes()) {
        true => Ok(text.to_owned()),
        false => Err(
            "a plugin's id has 1 to 47 characters out of a-z, 0-9 and `-`, the first a letter or a digit",
        ),
    }
}
