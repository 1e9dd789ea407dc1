//! What a plugin's descriptor says of itself, read from memory.
use super::collector::one_line;
use super::open_error::{Cause, MAX_OPTIONS, MAX_TEXT};
use super::option_kind::OptionKind;
use super::options::OptionSpec;
use handclasp_abi as abi;
use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};

/// All a plugin's descriptor says, as `plugins inspect` shows it.
#[derive(Clone, Debug)]
pub struct Description {
    /// Unique among plugins.
    pub id: String,
    /// The plugin's own version.
    pub version: String,
    /// For people.
    pub name: String,
    /// Who made it.
    pub vendor: String,
    /// An SPDX expression.
    pub license: String,
    /// One sentence.
    pub description: String,
    /// Names the format of what `init` produces for the peer.
    pub init_data_type: Option<String>,
    /// Names the format of what the handshake agrees on.
    pub handshake_data_type: Option<String>,
    /// What it takes.
    pub options: Vec<OptionSpec>,
    /// What it implements beside the core.
    pub extensions: Vec<ExtensionInfo>,
    /// The major and minor version of the ABI it was built for.
    pub abi_version: (u32, u32),
    /// Its library reads the system's clock (`HC_OWN_CLOCK`).
    pub own_clock: bool,
    /// After `load` it needs sockets, devices or other processes (`HC_NEEDS_SYSTEM`).
    pub needs_system: bool,
    /// Whether its types' layouts were compared or only declared.
    pub layout: Layout,
    /// The file it was found in.
    pub file: PathBuf,
    /// SHA-256 of that file, in hexadecimal.
    pub sha256: String,
}

/// One extension a plugin declares.
#[derive(Clone, Debug)]
pub struct ExtensionInfo {
    /// Such as `hc.peer/1`.
    pub id: String,
    /// A host that lacks it refuses the plugin.
    pub required: bool,
    /// Whether this host knows it.
    pub known: bool,
}

/// How far a plugin's types are known to be the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Compared type by type: a Rust plugin.
    Verified,
    /// Declared by version, size and hash: any other.
    Declared,
}

impl Layout {
    /// For lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Declared => "declared",
        }
    }
}

pub(super) fn describe(
    descriptor: &'static abi::hc_plugin,
    extensions: Vec<ExtensionInfo>,
    layout: Layout,
    file: &Path,
    sha256: &str,
) -> Result<Description, Cause> {
    Ok(Description {
        id: inline_text(&descriptor.id),
        version: inline_text(&descriptor.version),
        name: text(descriptor.name, "name")?,
        vendor: text(descriptor.vendor, "vendor")?,
        license: text(descriptor.license, "license")?,
        description: text(descriptor.description, "description")?,
        init_data_type: optional_text(descriptor.init_data_type, "init_data_type")?,
        handshake_data_type: optional_text(descriptor.handshake_data_type, "handshake_data_type")?,
        options: options(descriptor)?,
        extensions,
        abi_version: (descriptor.abi_major, descriptor.abi_minor),
        own_clock: descriptor.flags & abi::HC_OWN_CLOCK != 0,
        needs_system: descriptor.flags & abi::HC_NEEDS_SYSTEM != 0,
        layout,
        file: file.to_owned(),
        sha256: sha256.to_owned(),
    })
}

fn options(descriptor: &'static abi::hc_plugin) -> Result<Vec<OptionSpec>, Cause> {
    let count = descriptor.option_count;
    if count > MAX_OPTIONS {
        return Err(Cause::TooMany(count, "options", MAX_OPTIONS));
    }
    let options = list(descriptor.options, count).ok_or(Cause::Missing("list of options"))?;
    options.iter().map(option).collect()
}

fn option(option: &abi::hc_option) -> Result<OptionSpec, Cause> {
    let key = exact_text(option.key, "option's key")?;
    let kind = match option.type_ {
        abi::HC_OPTION_STRING => OptionKind::String,
        abi::HC_OPTION_INTEGER => OptionKind::Integer,
        abi::HC_OPTION_BOOLEAN => OptionKind::Boolean,
        abi::HC_OPTION_FILE => OptionKind::File,
        _ => return Err(Cause::Option(key)),
    };
    let known = abi::HC_OPTION_REQUIRED | abi::HC_OPTION_SECRET | abi::HC_OPTION_REPEATED;
    if option.flags & !known != 0 {
        return Err(Cause::Option(key));
    }
    Ok(OptionSpec {
        key,
        kind,
        default: optional_text(option.default_value, "option's default")?,
        required: option.flags & abi::HC_OPTION_REQUIRED != 0,
        secret: option.flags & abi::HC_OPTION_SECRET != 0,
        repeated: option.flags & abi::HC_OPTION_REPEATED != 0,
        help: optional_text(option.help, "option's help")?.unwrap_or_default(),
    })
}

pub(super) fn text(text: *const c_char, what: &'static str) -> Result<String, Cause> {
    optional_text(text, what)?.ok_or(Cause::Missing(what))
}

/// A name that is compared with others: taken as it is or not at all.
pub(super) fn exact_text(name: *const c_char, what: &'static str) -> Result<String, Cause> {
    let name = raw_text(name, what)?.ok_or(Cause::Missing(what))?;
    match one_line(name) == name {
        true => Ok(name.to_owned()),
        false => Err(Cause::Spaces(what, name.to_owned())),
    }
}

fn optional_text(text: *const c_char, what: &'static str) -> Result<Option<String>, Cause> {
    Ok(raw_text(text, what)?.map(one_line))
}

fn raw_text(text: *const c_char, what: &'static str) -> Result<Option<&'static str>, Cause> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the descriptor of a mapped library promises NUL-terminated text there; nothing is ever unmapped.
    let text: &'static CStr = unsafe { CStr::from_ptr(text) };
    match text.to_str() {
        Ok(text) if text.len() <= MAX_TEXT => Ok(Some(text)),
        _ => Err(Cause::Text(what)),
    }
}

pub(super) fn inline_text(text: &[c_char]) -> String {
    text.iter()
        .map(|&c| c as u8)
        .take_while(|&c| c != 0)
        .map(char::from)
        .collect()
}

/// A descriptor's array; `None` if it is null although it should have entries.
pub(super) fn list<T>(start: *const T, count: usize) -> Option<&'static [T]> {
    if count == 0 {
        return Some(&[]);
    }
    if start.is_null() {
        return None;
    }
    // SAFETY: the descriptor of a mapped library promises `count` entries there, and nothing is ever unmapped.
    Some(unsafe { std::slice::from_raw_parts(start, count) })
}
