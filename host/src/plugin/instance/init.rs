//! The first call, which makes an instance.
use super::raw::{Raw, Verdict};
use super::{AwaitingPeer, AwaitingReady, Failed, Instance, Spent};
use crate::hidden::Keys;
use crate::plugin::effects::Effects;
use crate::plugin::fault::{CallName, Fault};
use crate::plugin::lent::{Loan, lend};
use crate::plugin::open::Plugin;
use crate::plugin::os;
use crate::plugin::secrets::Kept;
use crate::plugin::unwind::guarded;
use handclasp_abi as abi;
use std::fmt;
use std::ptr;
use std::slice;
use std::sync::Arc;

/// What an instance is made for.
#[derive(Clone)]
pub struct InitParameters {
    /// This component: 1 is RTP, 2 is RTCP.
    pub component_id: u16,
    /// How many components the stream has.
    pub component_count: u16,
    /// Most bytes of UDP payload a packet may have.
    pub mtu: u16,
    /// Unique in this process, never reused; an instance of another association has another.
    pub instance_id: u64,
    /// Unique in this process, never reused.
    pub stream_id: u64,
    /// Validated options.
    pub options: Arc<[(String, String)]>,
}

/// Without the options' values.
impl fmt::Debug for InitParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitParameters")
            .field("component_id", &self.component_id)
            .field("component_count", &self.component_count)
            .field("mtu", &self.mtu)
            .field("instance_id", &self.instance_id)
            .field("stream_id", &self.stream_id)
            .field("options", &Keys(&self.options))
            .finish()
    }
}

/// What `init` made.
#[derive(Debug)]
pub enum Started {
    /// The handshake is over; nothing but `destroy` is ever called, if there is an instance.
    Finished(Option<Instance<Spent>>),
    /// The plugin wants to know its peer first.
    AwaitingPeer(Instance<AwaitingPeer>),
    /// The handshake is in progress.
    AwaitingReady(Instance<AwaitingReady>),
}

/// Makes an instance.
///
/// # Errors
/// The plugin's failure, or its breach of the contract.
pub fn init(
    plugin: &Arc<Plugin>,
    parameters: &InitParameters,
    now_ns: u64,
    effects: &mut Effects,
) -> Result<Started, Failed> {
    let secrets = keep_secrets(plugin, &parameters.options);
    let options: Vec<_> = parameters
        .options
        .iter()
        .map(|(key, value)| {
            let key = lend(Loan::Key, key.as_bytes());
            (key, lend(Loan::Value, value.as_bytes()))
        })
        .collect();
    let settings: Vec<abi::hc_setting> = options
        .iter()
        .map(|(key, value)| abi::hc_setting {
            key: key.bytes(),
            value: value.bytes(),
        })
        .collect();
    let settings = lend(Loan::Options, &settings);
    let init = abi::hc_init {
        struct_size: size_of::<abi::hc_init>() as u32,
        component_id: parameters.component_id.into(),
        component_count: parameters.component_count.into(),
        mtu: parameters.mtu.into(),
        stream_id: parameters.stream_id,
        instance_id: parameters.instance_id,
        options: settings.as_ptr(),
        option_count: options.len(),
    };
    let init = lend(Loan::Init, slice::from_ref(&init));
    effects.begin();
    let mut raw = Box::new(Raw::new(Arc::clone(plugin), parameters.mtu, secrets));
    let mut instance = ptr::null_mut();
    let table = raw.collector.table(now_ns);
    let table = lend(Loan::Call, slice::from_ref(&table));
    let descriptors = os::StandardDescriptors::note();
    let status = guarded(plugin.id(), CallName::Init, || {
        // SAFETY: the plugin was checked when it was opened; everything lent outlives the call.
        unsafe {
            (plugin.calls().init)(
                plugin.host_table(),
                init.as_ptr(),
                table.as_ptr(),
                &mut instance,
            )
        }
    });
    plugin.note_init();
    drop((table, init, settings, options));
    descriptors.restore();
    // After a failed `init` the contract has nothing to destroy, whatever the plugin left in the pointer.
    if status >= 0 {
        raw.instance = instance;
    }
    let (raw, verdict) = raw.judge(CallName::Init, status, effects)?;
    let has_instance = !raw.instance.is_null();
    match verdict {
        Verdict::Finished => Ok(Started::Finished(has_instance.then(|| Instance::of(raw)))),
        Verdict::Pending if !has_instance => Err(raw.fault(CallName::Init, Fault::NoInstance)),
        Verdict::Pending if plugin.wants_peer() => Ok(Started::AwaitingPeer(Instance::of(raw))),
        Verdict::Pending => Ok(Started::AwaitingReady(Instance::of(raw))),
    }
}

/// Has its secret options blanked in whatever it says.
fn keep_secrets(plugin: &Plugin, options: &[(String, String)]) -> Vec<Kept> {
    let Some(secrets) = plugin.secrets() else {
        return Vec::new();
    };
    let declared = &plugin.description().options;
    let is_secret = |key: &str| declared.iter().any(|spec| spec.key == key && spec.secret);
    let secret = options.iter().filter(|(key, _)| is_secret(key));
    secret
        .filter_map(|(_, value)| secrets.keep(value.as_bytes()))
        .collect()
}
