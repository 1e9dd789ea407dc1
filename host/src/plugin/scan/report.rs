//! What a scanner's child says of a library that could be opened. The library may have written it itself.
use super::Scanned;
use crate::plugin::collector::one_line;
use crate::plugin::copy::PrivateCopy;
use crate::plugin::description::{Description, ExtensionInfo, Layout};
use crate::plugin::first_bytes::FirstBytes;
use crate::plugin::open::Plugin;
use crate::plugin::open_error::{MAX_EXTENSIONS, MAX_OPTIONS, MAX_TEXT};
use crate::plugin::option_kind::OptionKind;
use crate::plugin::options::OptionSpec;
use handclasp_abi as abi;
use serde::{Deserialize, Serialize};

/// Bytes of an answer: as many as the texts of a descriptor may have, each of them escaped.
pub(super) const MAX_ANSWER: usize = 8 << 20;

/// The whole answer, on one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Opened(Box<Report>),
    /// A sentence whose subject is the file.
    Refused(String),
    /// The same, where the system maps nothing from where the copy is.
    NotMapped(String),
}

/// What is not known of the file already.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    name: String,
    vendor: String,
    license: String,
    description: String,
    init_data_type: Option<String>,
    handshake_data_type: Option<String>,
    options: Vec<Setting>,
    extensions: Vec<Extension>,
    layout_verified: bool,
    first_bytes: Option<FirstBytes>,
    inspects: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    key: String,
    kind: Kind,
    default: Option<String>,
    required: bool,
    secret: bool,
    repeated: bool,
    help: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    String,
    Integer,
    Boolean,
    File,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extension {
    id: String,
    required: bool,
    known: bool,
}

impl Report {
    pub(super) fn of(plugin: &Plugin) -> Self {
        let said = plugin.description();
        let option = |option: &OptionSpec| Setting {
            key: option.key.clone(),
            kind: match option.kind {
                OptionKind::String => Kind::String,
                OptionKind::Integer => Kind::Integer,
                OptionKind::Boolean => Kind::Boolean,
                OptionKind::File => Kind::File,
            },
            default: option.default.clone(),
            required: option.required,
            secret: option.secret,
            repeated: option.repeated,
            help: option.help.clone(),
        };
        let extension = |extension: &ExtensionInfo| Extension {
            id: extension.id.clone(),
            required: extension.required,
            known: extension.known,
        };
        Self {
            name: said.name.clone(),
            vendor: said.vendor.clone(),
            license: said.license.clone(),
            description: said.description.clone(),
            init_data_type: said.init_data_type.clone(),
            handshake_data_type: said.handshake_data_type.clone(),
            options: said.options.iter().map(option).collect(),
            extensions: said.extensions.iter().map(extension).collect(),
            layout_verified: said.layout == Layout::Verified,
            first_bytes: plugin.first_bytes(),
            inspects: plugin.inspects(),
        }
    }

    /// Whether a descriptor that passes all checks could say this.
    pub(super) fn is_possible(&self) -> bool {
        let texts = [&self.name, &self.vendor, &self.license, &self.description];
        let types = self.init_data_type.iter().chain(&self.handshake_data_type);
        let of_options = self.options.iter().flat_map(|option| {
            [&option.key, &option.help]
                .into_iter()
                .chain(&option.default)
        });
        let of_extensions = self.extensions.iter().map(|extension| &extension.id);
        let mut all = texts
            .into_iter()
            .chain(types)
            .chain(of_options)
            .chain(of_extensions);
        self.options.len() <= MAX_OPTIONS
            && self.extensions.len() <= MAX_EXTENSIONS
            && all.all(|text| text.len() <= MAX_TEXT && *text == one_line(text))
    }

    /// With what is known of the file.
    pub(super) fn scanned(self, copy: &PrivateCopy) -> Scanned {
        let option = |option: Setting| OptionSpec {
            key: option.key,
            kind: match option.kind {
                Kind::String => OptionKind::String,
                Kind::Integer => OptionKind::Integer,
                Kind::Boolean => OptionKind::Boolean,
                Kind::File => OptionKind::File,
            },
            default: option.default,
            required: option.required,
            secret: option.secret,
            repeated: option.repeated,
            help: option.help,
        };
        let extension = |extension: Extension| ExtensionInfo {
            id: extension.id,
            required: extension.required,
            known: extension.known,
        };
        let plugin = copy.plugin();
        Scanned {
            description: Description {
                id: plugin.id.clone(),
                version: plugin.version.clone(),
                name: self.name,
                vendor: self.vendor,
                license: self.license,
                description: self.description,
                init_data_type: self.init_data_type,
                handshake_data_type: self.handshake_data_type,
                options: self.options.into_iter().map(option).collect(),
                extensions: self.extensions.into_iter().map(extension).collect(),
                // As vetting has found it.
                abi_version: (abi::HC_ABI_MAJOR, abi::HC_ABI_MINOR),
                own_clock: plugin.flags & abi::HC_OWN_CLOCK != 0,
                needs_system: plugin.flags & abi::HC_NEEDS_SYSTEM != 0,
                layout: match self.layout_verified {
                    true => Layout::Verified,
                    false => Layout::Declared,
                },
                file: plugin.path.clone(),
                sha256: copy.sha256().to_owned(),
            },
            first_bytes: self.first_bytes,
            inspects: self.inspects,
        }
    }
}
