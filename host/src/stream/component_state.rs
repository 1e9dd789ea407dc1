//! A component and what its stream knows of it.
use super::{Config, fresh_id};
use crate::component::{self, Component};
use crate::ice::{self, Credentials, Tcp};
use crate::plugin::InitParameters;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A component and what its stream knows of it.
#[derive(Debug)]
pub(super) struct ComponentState {
    pub(super) component: Component,
    pub(super) init_data: Option<Vec<u8>>,
    pub(super) listened: bool,
    pub(super) unheard: Unheard,
    pub(super) ended: bool,
}

/// Datagrams nobody listened to, and when that was last said.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    pub(super) count: u64,
    pub(super) said: Option<Instant>,
}

/// How often the operator hears of datagrams nobody listens to.
pub(super) const UNHEARD_EVERY: Duration = Duration::from_secs(10);

impl ComponentState {
    /// Whether it has not ended and is not about to: only such a one has candidates.
    pub(super) fn stays(&self) -> bool {
        !self.component.is_leaving()
    }

    pub(super) fn new(
        now: Instant,
        config: &Config,
        stream_id: u64,
        mut ice: ice::Config,
        credentials: &Credentials,
    ) -> Self {
        let (component_id, settings) = (ice.component_id, &config.settings);
        ice.ice_timeout = settings.ice_timeout;
        // The peer's `init` may take as long as this side's.
        ice.signalling_timeout = settings.init_timeout.saturating_add(settings.ice_timeout);
        ice.lite = settings.ice_lite;
        ice.ticks_from = Some(config.epoch);
        ice.tcp = match settings.servers.relay_only {
            true => Tcp::Off,
            false => config.tcp,
        };
        ice.announced = Arc::clone(&settings.announced);
        let agent = ice::Agent::new(ice, credentials.clone(), now);
        let gatherer = ice::Gatherer::new(component_id, &settings.servers, now);
        let parameters = InitParameters {
            component_id,
            component_count: settings.n_components,
            mtu: settings.mtu,
            instance_id: fresh_id(),
            stream_id,
            options: Arc::clone(&config.options),
        };
        let config = component::Config {
            plugin: Arc::clone(&config.plugin),
            parameters,
            init_timeout: settings.init_timeout,
            call_timeout: config.call_timeout,
            handshake_timeout: settings.handshake_timeout,
            epoch: config.epoch,
            drop_counter: Arc::clone(&config.drop_counter),
        };
        Self {
            component: Component::new(config, agent, gatherer),
            init_data: None,
            listened: false,
            unheard: Unheard::default(),
            ended: false,
        }
    }
}
