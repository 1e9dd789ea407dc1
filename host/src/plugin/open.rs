//! Opening a vetted library, and checking what it says of itself before its first call.
use super::copy::PrivateCopy;
use super::description::{Description, describe, inline_text};
use super::fault::FailureKind;
use super::host_table::{Services, host_table};
use super::open_error::{Cause, OpenError};
use super::os;
use super::tables::{
    Calls, Exporter, InstanceCall, IsHandshake, SetPeer, Tables, check_layouts, extensions, tables,
};
use super::vet::Found;
use handclasp_abi as abi;
use std::fmt;
use std::sync::Arc;

/// A library that is mapped, checked, and ready to be called. It is never unmapped.
pub struct Plugin {
    descriptor: &'static abi::hc_plugin,
    host: &'static abi::hc_host,
    calls: Calls,
    tables: Tables,
    description: Description,
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
