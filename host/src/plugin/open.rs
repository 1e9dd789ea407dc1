//! Opening a vetted library, and checking what it says of itself before its first call.
use super::call::one_line;
use super::copy::PrivateCopy;
use super::fault::FailureKind;
use super::host_table::{Services, host_table};
use super::options::{OptionKind, OptionSpec};
use super::os;
use super::vet::Found;
use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use abi_stable::type_layout::TypeLayout;
use handclasp_abi as abi;
use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A library that is mapped, checked, and ready to be called. It is never unmapped.
pub struct Plugin {
    descriptor: &'static abi::hc_plugin,
    host: &'static abi::hc_host,
    calls: Calls,
    tables: Tables,
    description: Description,
}

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

/// Why a library that passed vetting cannot be used after all.
#[derive(Debug, thiserror::Error)]
#[error("{} {cause}", file.display())]
pub struct OpenError {
    file: PathBuf,
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(
        "cannot be opened ({}): install what it needs or link it statically; if it cannot be mapped, set TMPDIR to a directory that allows execution",
        system_reason(.0)
    )]
    Open(#[source] libloading::Error),
    #[error("changed while it was being opened; try again")]
    Changed,
    #[error("has no {0} in its descriptor; fill it in and rebuild the plugin")]
    Missing(&'static str),
    #[error("has a {0} that is not UTF-8 text of at most {MAX_TEXT} bytes; correct its descriptor")]
    Text(&'static str),
    #[error("declares {0} {1}, more than {2}; correct its descriptor")]
    TooMany(usize, &'static str, usize),
    #[error(
        "declares option {0:?} with an unknown type or flag; rebuild it against this host's handclasp.h"
    )]
    Option(String),
    #[error("requires extension {0}, which this host does not have; use a newer host")]
    Required(String),
    #[error(
        "has a table for {id} of {found} bytes instead of {expected}; rebuild it against this host's handclasp.h"
    )]
    TableSize {
        id: String,
        found: u32,
        expected: usize,
    },
    #[error("declares {0} without a table; give it one and rebuild the plugin")]
    NoTable(String),
    #[error("has a table for {0} that lacks a function; fill it in and rebuild the plugin")]
    TableEntry(String),
    #[error(
        "was built with types of another layout; rebuild it with this host's handclasp-plugin crate ({0})"
    )]
    Layout(String),
    #[error(
        "cannot be used: its load failed ({0}); put right what it needs, which its log may say, or ask its author"
    )]
    Load(&'static str),
    #[error(
        "cannot be used: its load answered {0}, which the contract does not allow; report this to its author"
    )]
    LoadStatus(abi::hc_status),
}

/// Longest text a descriptor may point to, in bytes.
const MAX_TEXT: usize = 4096;
const MAX_OPTIONS: usize = 256;
const MAX_EXTENSIONS: usize = 64;

pub(super) type InstanceCall =
    unsafe extern "C" fn(*mut c_void, *const abi::hc_call) -> abi::hc_status;
type SetPeer =
    unsafe extern "C" fn(*mut c_void, *const abi::hc_peer, *const abi::hc_call) -> abi::hc_status;
type IsHandshake = unsafe extern "C" fn(*mut c_void, abi::hc_bytes) -> u32;
type Exporter = unsafe extern "C" fn(
    *mut c_void,
    abi::hc_bytes,
    *const abi::hc_bytes,
    *mut u8,
    usize,
) -> abi::hc_status;

/// The functions every plugin has, known not to be null.
#[derive(Clone, Copy)]
pub(super) struct Calls {
    pub(super) init: unsafe extern "C" fn(
        *const abi::hc_host,
        *const abi::hc_init,
        *const abi::hc_call,
        *mut *mut c_void,
    ) -> abi::hc_status,
    pub(super) connection_ready: InstanceCall,
    pub(super) recv_from_peer:
        unsafe extern "C" fn(*mut c_void, abi::hc_bytes, *const abi::hc_call) -> abi::hc_status,
    pub(super) destroy: unsafe extern "C" fn(*mut c_void),
}

/// The functions a plugin may have.
#[derive(Clone, Copy, Default)]
struct Tables {
    set_peer: Option<SetPeer>,
    on_deadline: Option<InstanceCall>,
    on_wake: Option<InstanceCall>,
    close: Option<InstanceCall>,
    exporter: Option<Exporter>,
    first_bytes: Option<[u8; 32]>,
    is_handshake: Option<IsHandshake>,
}

impl Plugin {
    /// Opens the private copy of a vetted library, and checks its descriptor and its types' layouts.
    ///
    /// This runs the library's constructors; nothing else of it runs before all checks have passed.
    ///
    /// # Errors
    /// One sentence that names the file, the cause and the remedy.
    pub fn open(copy: &PrivateCopy, services: Arc<Services>) -> Result<Arc<Self>, OpenError> {
        let error = |cause| OpenError {
            file: copy.plugin.path.clone(),
            cause,
        };
        // SAFETY: running the constructors of a library that the operator put into a directory of plugins is
        // what this program is for. The descriptor in the file was read before, from the same bytes.
        let descriptor = unsafe { os::open_for_ever(&copy.path) }
            .map_err(Cause::Open)
            .map_err(error)?;
        // SAFETY: vetting found the symbol to be data of at least this size; a mapped library stays mapped.
        let descriptor: &'static abi::hc_plugin = unsafe { &*descriptor.cast() };
        Self::check(descriptor, copy, services)
            .map(Arc::new)
            .map_err(error)
    }

    fn check(
        descriptor: &'static abi::hc_plugin,
        copy: &PrivateCopy,
        services: Arc<Services>,
    ) -> Result<Self, Cause> {
        if !is_as_vetted(descriptor, &copy.plugin) {
            return Err(Cause::Changed);
        }
        let calls = Calls {
            init: descriptor.init.ok_or(Cause::Missing("init"))?,
            connection_ready: descriptor
                .connection_ready
                .ok_or(Cause::Missing("connection_ready"))?,
            recv_from_peer: descriptor
                .recv_from_peer
                .ok_or(Cause::Missing("recv_from_peer"))?,
            destroy: descriptor.destroy.ok_or(Cause::Missing("destroy"))?,
        };
        let extensions = extensions(descriptor)?;
        let layout = check_layouts(descriptor, extensions)?;
        let (tables, extensions) = tables(extensions)?;
        let description = describe(
            descriptor,
            extensions,
            layout,
            &copy.plugin.path,
            &copy.sha256,
        )?;
        let host = host_table(&description.id, services);
        load(descriptor)?;
        Ok(Self {
            descriptor,
            host,
            calls,
            tables,
            description,
        })
    }

    /// All the descriptor says.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The plugin's id.
    pub fn id(&self) -> &str {
        &self.description.id
    }

    /// Whether it takes the peer's parameters (`hc.peer/1`).
    pub fn wants_peer(&self) -> bool {
        self.tables.set_peer.is_some()
    }

    /// The first bytes of its datagrams, as a map of 256 bits, if it tells them from the application's.
    pub fn first_bytes(&self) -> Option<&[u8; 32]> {
        self.tables.first_bytes.as_ref()
    }

    /// Whether its map of first bytes is only half the answer.
    pub fn inspects(&self) -> bool {
        self.tables.is_handshake.is_some()
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(super) fn host_table(&self) -> *const abi::hc_host {
        self.host
    }

    pub(super) fn set_peer(&self) -> Option<SetPeer> {
        self.tables.set_peer
    }

    pub(super) fn on_deadline(&self) -> Option<InstanceCall> {
        self.tables.on_deadline
    }

    pub(super) fn on_wake(&self) -> Option<InstanceCall> {
        self.tables.on_wake
    }

    pub(super) fn close(&self) -> Option<InstanceCall> {
        self.tables.close
    }

    pub(super) fn exporter(&self) -> Option<Exporter> {
        self.tables.exporter
    }

    pub(super) fn is_handshake(&self) -> Option<IsHandshake> {
        self.tables.is_handshake
    }
}

// SAFETY: what the descriptor and the host's table point to is never written after the library's
// constructors have run, and the contract calls a plugin's functions from any thread.
unsafe impl Send for Plugin {}
// SAFETY: as above; per-instance state is behind `Instance`, which has one owner.
unsafe impl Sync for Plugin {}

impl Drop for Plugin {
    fn drop(&mut self) {
        if let (Some(_), Some(unload)) = (self.descriptor.load, self.descriptor.unload) {
            // SAFETY: balances the `load` that made this value; every instance holds the plugin, so none is left.
            unsafe { unload() };
        }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// Calls the plugin's `load`, if it has one. Once it has succeeded, and only then, `unload` is owed.
fn load(descriptor: &abi::hc_plugin) -> Result<(), Cause> {
    let Some(load) = descriptor.load else {
        return Ok(());
    };
    // SAFETY: the descriptor has passed all checks; `Plugin::drop` balances a call that succeeds.
    let status = unsafe { load() };
    match FailureKind::of(status) {
        None if status == abi::HC_PENDING => Ok(()),
        None => Err(Cause::LoadStatus(status)),
        Some(kind) => Err(Cause::Load(kind.words())),
    }
}

/// Whether memory says what the file said: a constructor may have rewritten it.
fn is_as_vetted(descriptor: &abi::hc_plugin, found: &Found) -> bool {
    descriptor.magic == abi::HC_MAGIC
        && descriptor.declarations == abi::HC_DECLARATIONS
        && descriptor.abi_major == abi::HC_ABI_MAJOR
        && descriptor.abi_minor == abi::HC_ABI_MINOR
        && descriptor.struct_size as usize == size_of::<abi::hc_plugin>()
        && inline_text(&descriptor.id) == found.id
        && inline_text(&descriptor.version) == found.version
}

fn inline_text(text: &[c_char]) -> String {
    text.iter()
        .map(|&c| c as u8)
        .take_while(|&c| c != 0)
        .map(char::from)
        .collect()
}

fn extensions(descriptor: &'static abi::hc_plugin) -> Result<&'static [abi::hc_extension], Cause> {
    let count = descriptor.extension_count;
    if count > MAX_EXTENSIONS {
        return Err(Cause::TooMany(count, "extensions", MAX_EXTENSIONS));
    }
    list(descriptor.extensions, count).ok_or(Cause::Missing("list of extensions"))
}

/// A descriptor's array; `None` if it is null although it should have entries.
fn list<T>(start: *const T, count: usize) -> Option<&'static [T]> {
    if count == 0 {
        return Some(&[]);
    }
    if start.is_null() {
        return None;
    }
    // SAFETY: the descriptor of a mapped library promises `count` entries there, and nothing is ever unmapped.
    Some(unsafe { std::slice::from_raw_parts(start, count) })
}

fn check_layouts(
    descriptor: &'static abi::hc_plugin,
    extensions: &[abi::hc_extension],
) -> Result<Layout, Cause> {
    if descriptor.rust_layout.is_null() {
        return Ok(Layout::Declared);
    }
    let header = descriptor
        .rust_layout
        .cast::<abi_stable::library::AbiHeader>();
    // SAFETY: a Rust plugin's `rust_layout` begins with a header whatever the version of abi_stable.
    if !unsafe { &*header }.is_valid() {
        return Err(Cause::Layout(
            "its abi_stable has another version".to_owned(),
        ));
    }
    // SAFETY: a valid header means that the rest has the layout this host knows.
    let layout = unsafe { &*descriptor.rust_layout.cast::<abi::RustLayout>() };
    compare(abi::Core::LAYOUT, layout.core)?;
    let theirs = list(layout.extensions, layout.extension_count)
        .filter(|theirs| theirs.len() == extensions.len())
        .ok_or(Cause::Missing("layout for each extension"))?;
    for (extension, theirs) in extensions.iter().zip(theirs) {
        let id = text(extension.id, "extension's id")?;
        if let Some(known) = Known::of(&id) {
            compare(known.layout(), theirs.table)?;
        }
    }
    Ok(Layout::Verified)
}

fn compare(ours: &'static TypeLayout, theirs: &'static TypeLayout) -> Result<(), Cause> {
    check_layout_compatibility(ours, theirs).map_err(|difference| {
        let difference = difference.to_string();
        let first = difference
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty());
        Cause::Layout(one_line(first.unwrap_or("they differ")))
    })
}

/// The extensions this host has.
#[derive(Clone, Copy)]
enum Known {
    Peer,
    Timer,
    Classify,
    Close,
    Wake,
    Export,
}

impl Known {
    fn of(id: &str) -> Option<Self> {
        Some(match id {
            abi::HC_PEER => Self::Peer,
            abi::HC_TIMER => Self::Timer,
            abi::HC_CLASSIFY => Self::Classify,
            abi::HC_CLOSE => Self::Close,
            abi::HC_WAKE => Self::Wake,
            abi::HC_EXPORT => Self::Export,
            _ => return None,
        })
    }

    fn layout(self) -> &'static TypeLayout {
        match self {
            Self::Peer => abi::hc_peer_table::LAYOUT,
            Self::Timer => abi::hc_timer_table::LAYOUT,
            Self::Classify => abi::hc_classify_table::LAYOUT,
            Self::Close => abi::hc_close_table::LAYOUT,
            Self::Wake => abi::hc_wake_table::LAYOUT,
            Self::Export => abi::hc_export_table::LAYOUT,
        }
    }
}

fn tables(extensions: &[abi::hc_extension]) -> Result<(Tables, Vec<ExtensionInfo>), Cause> {
    let mut tables = Tables::default();
    let mut infos = Vec::new();
    for extension in extensions {
        let id = text(extension.id, "extension's id")?;
        let required = extension.flags & abi::HC_EXTENSION_REQUIRED != 0;
        let known = Known::of(&id);
        match known {
            Some(known) => read_table(known, &id, extension, &mut tables)?,
            None if required => return Err(Cause::Required(id)),
            None => {}
        }
        infos.push(ExtensionInfo {
            id,
            required,
            known: known.is_some(),
        });
    }
    Ok((tables, infos))
}

fn read_table(
    known: Known,
    id: &str,
    extension: &abi::hc_extension,
    tables: &mut Tables,
) -> Result<(), Cause> {
    let entry = || Cause::TableEntry(id.to_owned());
    match known {
        Known::Peer => {
            let table: &abi::hc_peer_table = table(id, extension)?;
            tables.set_peer = Some(table.set_peer.ok_or_else(entry)?);
        }
        Known::Timer => {
            let table: &abi::hc_timer_table = table(id, extension)?;
            tables.on_deadline = Some(table.on_deadline.ok_or_else(entry)?);
        }
        Known::Classify => {
            let table: &abi::hc_classify_table = table(id, extension)?;
            tables.first_bytes = Some(table.first_bytes);
            tables.is_handshake = table.is_handshake;
        }
        Known::Close => {
            let table: &abi::hc_close_table = table(id, extension)?;
            tables.close = Some(table.close.ok_or_else(entry)?);
        }
        Known::Wake => {
            let table: &abi::hc_wake_table = table(id, extension)?;
            tables.on_wake = Some(table.on_wake.ok_or_else(entry)?);
        }
        Known::Export => {
            let table: &abi::hc_export_table = table(id, extension)?;
            tables.exporter = Some(table.exporter.ok_or_else(entry)?);
        }
    }
    Ok(())
}

fn table<T>(id: &str, extension: &abi::hc_extension) -> Result<&'static T, Cause> {
    if extension.table.is_null() {
        return Err(Cause::NoTable(id.to_owned()));
    }
    if extension.table_size as usize != size_of::<T>() {
        let (found, expected) = (extension.table_size, size_of::<T>());
        return Err(Cause::TableSize {
            id: id.to_owned(),
            found,
            expected,
        });
    }
    // SAFETY: under this id and with this size the contract puts this table there; nothing is ever unmapped.
    Ok(unsafe { &*extension.table.cast::<T>() })
}

fn describe(
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
    let key = text(option.key, "option's key")?;
    let kind = match option.type_ {
        abi::HC_OPTION_STRING => OptionKind::String,
        abi::HC_OPTION_INTEGER => OptionKind::Integer,
        abi::HC_OPTION_BOOLEAN => OptionKind::Boolean,
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

/// What the system's loader says; the error itself names only the call.
fn system_reason(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn text(text: *const c_char, what: &'static str) -> Result<String, Cause> {
    optional_text(text, what)?.ok_or(Cause::Missing(what))
}

fn optional_text(text: *const c_char, what: &'static str) -> Result<Option<String>, Cause> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the descriptor of a mapped library promises NUL-terminated text there.
    let text = unsafe { CStr::from_ptr(text) };
    match text.to_str() {
        Ok(text) if text.len() <= MAX_TEXT => Ok(Some(one_line(text))),
        _ => Err(Cause::Text(what)),
    }
}
