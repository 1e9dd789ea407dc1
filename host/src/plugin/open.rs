//! Opening a vetted library, and checking what it says of itself before its first call.
use super::call_counter::{CallCount, CallCounter};
use super::copy::PrivateCopy;
use super::description::{Description, describe, inline_text};
use super::ending::UnderWay;
use super::fault::{CallName, FailureKind};
use super::first_bytes::FirstBytes;
use super::host_table::{HostTable, Services};
use super::images::Image;
use super::info::PluginInfo;
use super::linker::LinkError;
use super::open_error::{Cause, OpenError, system_reason};
use super::os;
use super::secrets::Secrets;
use super::tables::{
    Calls, Exporter, InstanceCall, IsHandshake, SetPeer, Tables, check_layouts, extensions, tables,
};
use super::unwind::{Unwinding, guarded};
use super::vet::Found;
use handclasp_abi as abi;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A library that is mapped, checked, and ready to be called. It is never unmapped.
pub struct Plugin {
    descriptor: &'static abi::hc_plugin,
    /// None where only its descriptor is at hand.
    image: Option<&'static Image>,
    host: HostTable,
    calls: Calls,
    tables: Tables,
    description: Description,
    info: Arc<PluginInfo>,
    secrets: Option<Arc<Secrets>>,
    call_counter: Option<CallCounter>,
}

impl Plugin {
    /// Opens the private copy of a vetted library, and checks its descriptor and its types' layouts.
    ///
    /// This runs the library's constructors and, of a Rust plugin, the functions of abi_stable's that describe its types.
    /// No function of its descriptor runs before all checks have passed. What the library does meanwhile about SIGHUP,
    /// SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGCHLD and SIGXFSZ, or about the signals that this thread blocks, is undone,
    /// and /dev/null is put where it has closed descriptors 0 to 2. The plugin has the services for as long as the
    /// caller keeps them.
    ///
    /// # Errors
    /// One sentence that names the file, the cause and the remedy.
    pub fn open(copy: &PrivateCopy, services: &Arc<Services>) -> Result<Arc<Self>, OpenError> {
        Self::open_in_steps(copy, services, |_| {})
    }

    /// [`open`](Self::open), which tells of each step before it.
    pub(super) fn open_in_steps(
        copy: &PrivateCopy,
        services: &Arc<Services>,
        mut step: impl FnMut(Step),
    ) -> Result<Arc<Self>, OpenError> {
        // Whoever runs this process ends it with signals, and a library may take those.
        let actions = os::SignalActions::note();
        let descriptors = os::StandardDescriptors::note();
        let opened = Image::of(copy.sha256(), || map(copy)).and_then(|image| {
            step(Step::Check);
            let (found, sha256) = (copy.plugin(), copy.sha256());
            let checked = Self::check(image.descriptor, found, sha256, services, || {
                step(Step::Load);
            });
            image.loaded();
            checked.map(|mut plugin| {
                plugin.image = Some(image);
                plugin
            })
        });
        actions.restore();
        descriptors.restore();
        opened.map(Arc::new).map_err(|cause| OpenError {
            file: copy.plugin().path.clone(),
            cause,
        })
    }

    /// Checks a descriptor against what was found in the file, and calls `load`.
    ///
    /// No function of the descriptor is called before all checks have passed; `load` is the first. Other code of the
    /// library has run by then: its constructors, and of a Rust plugin what its layouts lead to, which are functions of
    /// abi_stable's that are compiled into it.
    pub(super) fn check(
        descriptor: &'static abi::hc_plugin,
        found: &Found,
        sha256: &str,
        services: &Arc<Services>,
        loading: impl FnOnce(),
    ) -> Result<Self, Cause> {
        if !is_as_vetted(descriptor, found) {
            return Err(Cause::Changed);
        }
        let calls = Calls {
            init: function(descriptor.init, "init")?,
            connection_ready: function(descriptor.connection_ready, "connection_ready")?,
            recv_from_peer: function(descriptor.recv_from_peer, "recv_from_peer")?,
            destroy: function(descriptor.destroy, "destroy")?,
        };
        let extensions = extensions(descriptor)?;
        let layout = check_layouts(descriptor, extensions)?;
        let (tables, extensions) = tables(extensions)?;
        let description = describe(descriptor, extensions, layout, &found.path, sha256)?;
        let info = PluginInfo {
            id: description.id.clone(),
            init_data_type: description.init_data_type.clone(),
            wants_peer: tables.set_peer.is_some(),
            first_bytes: tables.first_bytes,
            inspects: tables.is_handshake.is_some(),
            exports: tables.exporter.is_some(),
        };
        let secrets = Secrets::new();
        let host = HostTable::new(&description.id, services, &secrets);
        loading();
        load(descriptor, &description.id)?;
        Ok(Self {
            descriptor,
            image: None,
            host,
            calls,
            tables,
            description,
            info: Arc::new(info),
            secrets: (!services.reveal).then_some(secrets),
            call_counter: services.measure.then(CallCounter::default),
        })
    }

    /// All the descriptor says.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The calls into its instances so far, by their names: those that there have been, if calls are
    /// [measured](crate::HostOptions::measure_calls).
    pub fn call_counts(&self) -> Vec<CallCount> {
        let counter = self.call_counter.as_ref();
        counter.map(CallCounter::read).unwrap_or_default()
    }

    /// Makes a call, and counts it if that is wanted.
    pub(super) fn measured<T>(&self, name: CallName, call: impl FnOnce() -> T) -> T {
        let Some(counter) = &self.call_counter else {
            return call();
        };
        let began = Instant::now();
        let returned = call();
        counter.add(name, began);
        returned
    }

    /// What those have to know who request its calls.
    pub fn info(&self) -> &Arc<PluginInfo> {
        &self.info
    }

    /// The plugin's id.
    pub fn id(&self) -> &str {
        &self.description.id
    }

    /// Whether it takes the peer's parameters (`hc.peer/1`).
    pub fn wants_peer(&self) -> bool {
        self.info.wants_peer
    }

    /// The first bytes of its datagrams, if it tells them from the application's.
    pub fn first_bytes(&self) -> Option<FirstBytes> {
        self.info.first_bytes
    }

    /// Whether its map of first bytes is only half the answer.
    pub fn inspects(&self) -> bool {
        self.info.inspects
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// What it must not say; nothing where somebody looks whether it does.
    pub(super) fn secrets(&self) -> Option<&Arc<Secrets>> {
        self.secrets.as_ref()
    }

    /// Logs what it said, without its secrets.
    pub(super) fn tell(&self, level: u32, said: &[u8]) {
        self.host.tell(level, said);
    }

    pub(super) fn host_table(&self) -> *const abi::hc_host {
        self.host.table()
    }

    /// An `init` has returned.
    #[inline]
    pub(super) fn note_init(&self) {
        if let Some(image) = self.image {
            image.used();
        }
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
        if self.host.made_in.is_another_process() {
            return; // its other threads are not here, nor what they were at
        }
        if let (Some(_), Some(unload)) = (self.descriptor.load, self.descriptor.unload) {
            let unload = unload.unwinding();
            guarded(self.id(), CallName::Unload, || {
                // SAFETY: balances the `load` that made this value; every instance holds the plugin, so none is left.
                unsafe { unload() }
            });
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

/// What is done next with a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Check,
    Load,
}

/// Maps the copy, and returns its descriptor.
fn map(copy: &PrivateCopy) -> Result<&'static abi::hc_plugin, Cause> {
    if let Some(runtime) = copy.sanitizer()
        && !std::env::var("LD_PRELOAD").is_ok_and(|preloaded| preloaded.contains(runtime))
    {
        return Err(Cause::Sanitizer(runtime.to_owned()));
    }
    let copy = copy.kept().map_err(Cause::Keep)?;
    // SAFETY: running the constructors of a library that the operator put into a directory of plugins is what this
    // program is for. The descriptor in the file was read before, from the same bytes.
    let open = |path: &Path| unsafe { os::open_for_ever(path) };
    let _under_way = UnderWay::begin();
    let address = open(copy.path()).or_else(|error| {
        let error = reason(&error, &copy);
        // As where a policy forbids to map what is in memory.
        let elsewhere = match error {
            LinkError::NotMapped(_) => copy.moved_to_disk(),
            _ => None,
        };
        let elsewhere = elsewhere.and_then(|copy| copy.kept().ok());
        let elsewhere = elsewhere.ok_or(error)?;
        open(elsewhere.path()).map_err(|error| reason(&error, &elsewhere))
    });
    let address = address.map_err(Cause::Open)?;
    if address.is_null() || !address.cast::<abi::hc_plugin>().is_aligned() {
        return Err(Cause::Changed);
    }
    // SAFETY: vetting found the symbol to be data of at least this size; a mapped library stays mapped.
    Ok(unsafe { &*address.cast() })
}

fn reason(error: &libloading::Error, copy: &PrivateCopy) -> LinkError {
    let file = copy.plugin().path.file_name().unwrap_or_default();
    LinkError::read(&system_reason(error), copy.path(), &file.to_string_lossy())
}

/// One of the functions that every plugin has.
fn function<F: Unwinding>(entry: Option<F>, name: &'static str) -> Result<F::Function, Cause> {
    entry.map(F::unwinding).ok_or(Cause::Missing(name))
}

/// Calls the plugin's `load`, if it has one. Once it has succeeded, and only then, `unload` is owed.
fn load(descriptor: &abi::hc_plugin, id: &str) -> Result<(), Cause> {
    let Some(load) = descriptor.load.map(Unwinding::unwinding) else {
        return Ok(());
    };
    let status = guarded(id, CallName::Load, || {
        // SAFETY: the descriptor has passed all checks; `Plugin::drop` balances a call that succeeds.
        unsafe { load() }
    });
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
        && descriptor.flags == found.flags
        && inline_text(&descriptor.id) == found.id
        && inline_text(&descriptor.version) == found.version
}
