//! `handclasp plugins inspect`.
use super::{HEADING, columns, kind, options_as_json};
use crate::completions::plugin_id_or_file;
use crate::exit::Failed;
use crate::plugin_args::{PluginArgs, id_of};
use crate::stdio;
use clap::Args;
use handclasp::plugin::{
    self, Catalogue, Description, ExtensionInfo, Found, Loader, OptionSpec, Scanned, Scanner,
    Services, vet,
};
use handclasp_abi as abi;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Show all that a plugin says of itself: who made it, what it takes, what it implements.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The plugin: its id (see `handclasp plugins list`), or its file, such as ./mine.so
    #[arg(value_name = "ID|FILE", add = plugin_id_or_file())]
    plugin: PathBuf,
    #[command(flatten)]
    plugins: PluginArgs,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(self) -> Result<(), Failed> {
        let path = self.plugins.search_path()?;
        let loader = Loader::new(path, Services::default(), Scanner::this_program());
        let (mut catalogue, mut of_file) = (Catalogue::default(), None);
        let found = match id_of(&self.plugin) {
            Some(id) => {
                catalogue = loader.catalogue();
                catalogue.find(id).map_err(plugin::Error::from)?
            }
            None => &*of_file.insert(vet(&self.plugin).map_err(plugin::Error::from)?),
        };
        let plugin = loader.inspect(found)?;
        let shadowed = catalogue.shadowed.iter();
        let shadowed: Vec<_> = shadowed.filter(|other| other.id == found.id).collect();
        if self.json {
            stdio::say(as_json(&plugin, &shadowed));
        } else {
            print(&plugin, &shadowed);
        }
        Ok(())
    }
}

fn print(plugin: &Scanned, shadowed: &[&Found]) {
    let said = &plugin.description;
    stdio::say(format_args!(
        "{HEADING}{}{HEADING:#}: {}",
        said.name, said.description
    ));
    let mut facts = facts(said);
    facts.extend(shadowed.iter().map(|found| {
        let other = format!("{} ({})", found.path.display(), found.version);
        ["shadows".to_owned(), other]
    }));
    section("Plugin", &columns(&facts));
    let mut options: Vec<_> = said.options.iter().flat_map(option_rows).collect();
    if options.is_empty() {
        options.push(["it takes none".to_owned(), String::new()]);
    }
    section("Options", &columns(&options));
    let mut extensions: Vec<_> = said
        .extensions
        .iter()
        .map(|extension| extension_row(extension, plugin))
        .collect();
    if extensions.is_empty() {
        extensions.push([
            "it implements none".to_owned(),
            String::new(),
            String::new(),
        ]);
    }
    section("Extensions", &columns(&extensions));
}

fn section(heading: &str, lines: &[String]) {
    stdio::say(format_args!("\n{HEADING}{heading}{HEADING:#}"));
    lines
        .iter()
        .for_each(|line| stdio::say(format_args!("  {line}")));
}

fn facts(said: &Description) -> Vec<[String; 2]> {
    let (major, minor) = said.abi_version;
    let clock = match said.own_clock {
        true => "the system's: it is woken in real time only",
        false => "the host's",
    };
    let system = match said.needs_system {
        true => "sockets, devices or other processes",
        false => "no more than memory, threads, clocks and the files of its options",
    };
    let format = |format: &Option<String>| format.clone().unwrap_or_else(|| "nothing".to_owned());
    [
        ("id", said.id.clone()),
        ("version", said.version.clone()),
        ("vendor", said.vendor.clone()),
        ("license", said.license.clone()),
        ("file", said.file.display().to_string()),
        ("sha256", said.sha256.clone()),
        (
            "abi",
            format!("{major}.{minor}, layout {}", said.layout.as_str()),
        ),
        ("clock", clock.to_owned()),
        ("needs", system.to_owned()),
        ("tells its peer", format(&said.init_data_type)),
        ("agrees on", format(&said.handshake_data_type)),
        (
            "payloads",
            "leave in the clear: the application encrypts them with what is agreed on".to_owned(),
        ),
    ]
    .map(|(name, value)| [name.to_owned(), value])
    .into()
}

/// Its help, and below what may be given.
fn option_rows(option: &OptionSpec) -> [[String; 2]; 2] {
    let mut takes = vec![kind(option.kind).to_owned()];
    match &option.default {
        Some(_) if option.secret => takes.push("default not shown".to_owned()),
        Some(default) => takes.push(format!("default {default:?}")),
        None => {}
    }
    let flags = [
        (option.required, "required"),
        (option.secret, "secret"),
        (option.repeated, "repeatable"),
    ];
    takes.extend(
        flags
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, flag)| (*flag).to_owned()),
    );
    [
        [option.key.clone(), option.help.clone()],
        [String::new(), takes.join(", ")],
    ]
}

fn extension_row(extension: &ExtensionInfo, plugin: &Scanned) -> [String; 3] {
    let standing = match (extension.known, extension.required) {
        (false, _) => "ignored",
        (true, true) => "required",
        (true, false) => "used",
    };
    let meaning = match extension.id.as_str() {
        abi::HC_PEER => "wants to know its peer, and who starts".to_owned(),
        abi::HC_TIMER => "is called when a deadline is due".to_owned(),
        abi::HC_CLASSIFY => classifier(plugin),
        abi::HC_CLOSE => "has a farewell to say".to_owned(),
        abi::HC_WAKE => "is woken when work elsewhere is done".to_owned(),
        abi::HC_EXPORT => "derives more keys once it has finished".to_owned(),
        _ => "this host does not know it".to_owned(),
    };
    [extension.id.clone(), standing.to_owned(), meaning]
}

fn classifier(plugin: &Scanned) -> String {
    let ranges: Vec<String> = ranges(plugin)
        .iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    let looks = if plugin.inspects {
        ", if a closer look agrees"
    } else {
        ""
    };
    format!(
        "takes datagrams with first byte {}{looks}",
        ranges.join(", ")
    )
}

/// The first bytes of its datagrams, as ranges with both ends.
fn ranges(plugin: &Scanned) -> Vec<(u8, u8)> {
    let Some(map) = plugin.first_bytes else {
        return Vec::new();
    };
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for byte in map.bytes() {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == byte => *last = byte,
            _ => ranges.push((byte, byte)),
        }
    }
    ranges
}

fn as_json(plugin: &Scanned, shadowed: &[&Found]) -> Value {
    let said = &plugin.description;
    let (major, minor) = said.abi_version;
    let extension = |extension: &ExtensionInfo| {
        json!({
            "id": extension.id,
            "required": extension.required,
            "known": extension.known,
        })
    };
    json!({
        "id": said.id,
        "version": said.version,
        "name": said.name,
        "vendor": said.vendor,
        "license": said.license,
        "description": said.description,
        "file": said.file,
        "sha256": said.sha256,
        "shadows": shadowed
            .iter()
            .map(|found| json!({"version": found.version, "file": found.path}))
            .collect::<Vec<_>>(),
        "layout": said.layout.as_str(),
        "abi": format!("{major}.{minor}"),
        "own_clock": said.own_clock,
        "needs_system": said.needs_system,
        "init_data_type": said.init_data_type,
        "handshake_data_type": said.handshake_data_type,
        "payload_protection": "none",
        "options": options_as_json(said),
        "extensions": said.extensions.iter().map(extension).collect::<Vec<_>>(),
        "first_bytes": plugin.first_bytes.map(|_| ranges(plugin)),
    })
}
