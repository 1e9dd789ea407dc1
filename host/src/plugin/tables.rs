//! A plugin's functions, and the proof that they are what this host takes them for.
use super::collector::one_line;
use super::description::{ExtensionInfo, Layout, exact_text, list};
use super::first_bytes::FirstBytes;
use super::open_error::{Cause, MAX_EXTENSIONS};
use super::unwind::Unwinding;
use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use abi_stable::type_layout::TypeLayout;
use handclasp_abi as abi;
use std::ffi::c_void;
use std::panic::catch_unwind;

pub(super) type InstanceCall =
    unsafe extern "C-unwind" fn(*mut c_void, *const abi::hc_call) -> abi::hc_status;
pub(super) type SetPeer = unsafe extern "C-unwind" fn(
    *mut c_void,
    *const abi::hc_peer,
    *const abi::hc_call,
) -> abi::hc_status;
pub(super) type IsHandshake = unsafe extern "C-unwind" fn(*mut c_void, abi::hc_bytes) -> u32;
pub(super) type Exporter = unsafe extern "C-unwind" fn(
    *mut c_void,
    abi::hc_bytes,
    *const abi::hc_bytes,
    *mut u8,
    usize,
) -> abi::hc_status;

/// The functions every plugin has, known not to be null.
#[derive(Clone, Copy)]
pub(super) struct Calls {
    pub(super) init: unsafe extern "C-unwind" fn(
        *const abi::hc_host,
        *const abi::hc_init,
        *const abi::hc_call,
        *mut *mut c_void,
    ) -> abi::hc_status,
    pub(super) connection_ready: InstanceCall,
    pub(super) recv_from_peer: unsafe extern "C-unwind" fn(
        *mut c_void,
        abi::hc_bytes,
        *const abi::hc_call,
    ) -> abi::hc_status,
    pub(super) destroy: unsafe extern "C-unwind" fn(*mut c_void),
}

/// The functions a plugin may have.
#[derive(Clone, Copy, Default)]
pub(super) struct Tables {
    pub(super) set_peer: Option<SetPeer>,
    pub(super) on_deadline: Option<InstanceCall>,
    pub(super) on_wake: Option<InstanceCall>,
    pub(super) close: Option<InstanceCall>,
    pub(super) exporter: Option<Exporter>,
    pub(super) first_bytes: Option<FirstBytes>,
    pub(super) is_handshake: Option<IsHandshake>,
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

pub(super) fn tables(
    extensions: &[abi::hc_extension],
) -> Result<(Tables, Vec<ExtensionInfo>), Cause> {
    let mut tables = Tables::default();
    let mut infos = Vec::new();
    for extension in extensions {
        let id = exact_text(extension.id, "extension's id")?;
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
            tables.set_peer = Some(table.set_peer.ok_or_else(entry)?.unwinding());
        }
        Known::Timer => {
            let table: &abi::hc_timer_table = table(id, extension)?;
            tables.on_deadline = Some(table.on_deadline.ok_or_else(entry)?.unwinding());
        }
        Known::Classify => {
            let table: &abi::hc_classify_table = table(id, extension)?;
            tables.first_bytes = Some(FirstBytes(table.first_bytes));
            tables.is_handshake = table.is_handshake.map(Unwinding::unwinding);
        }
        Known::Close => {
            let table: &abi::hc_close_table = table(id, extension)?;
            tables.close = Some(table.close.ok_or_else(entry)?.unwinding());
        }
        Known::Wake => {
            let table: &abi::hc_wake_table = table(id, extension)?;
            tables.on_wake = Some(table.on_wake.ok_or_else(entry)?.unwinding());
        }
        Known::Export => {
            let table: &abi::hc_export_table = table(id, extension)?;
            tables.exporter = Some(table.exporter.ok_or_else(entry)?.unwinding());
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

pub(super) fn extensions(
    descriptor: &'static abi::hc_plugin,
) -> Result<&'static [abi::hc_extension], Cause> {
    let count = descriptor.extension_count;
    if count > MAX_EXTENSIONS {
        return Err(Cause::TooMany(count, "extensions", MAX_EXTENSIONS));
    }
    list(descriptor.extensions, count).ok_or(Cause::Missing("list of extensions"))
}

pub(super) fn check_layouts(
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
    // From here on functions of abi_stable's run that are compiled into the plugin: they describe its types.
    compare(abi::Core::LAYOUT, layout.core)?;
    let theirs = list(layout.extensions, layout.extension_count)
        .filter(|theirs| theirs.len() == extensions.len())
        .ok_or(Cause::Missing("layout for each extension"))?;
    for (extension, theirs) in extensions.iter().zip(theirs) {
        let id = exact_text(extension.id, "extension's id")?;
        if let Some(known) = Known::of(&id) {
            compare(known.layout(), theirs.table)?;
        }
    }
    Ok(Layout::Verified)
}

fn compare(ours: &'static TypeLayout, theirs: &'static TypeLayout) -> Result<(), Cause> {
    // A library whose layouts are damaged makes the comparison itself panic.
    let compared = catch_unwind(|| {
        check_layout_compatibility(ours, theirs).map_err(|difference| difference.to_string())
    });
    let compared = compared.unwrap_or_else(|_| Err("they contradict themselves".to_owned()));
    compared.map_err(|difference| {
        let first = difference
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty());
        Cause::Layout(one_line(first.unwrap_or("they differ")))
    })
}
