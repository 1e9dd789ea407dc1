//! A side that is calls into a plugin that does nothing.
use super::baseline;
use super::baseline::Baseline;
use super::figure::{Figure, Target};
use super::processor::cpu_time;
use super::setup::Setup;
use super::show;
use super::side::Side;
use super::side::measure;
use handclasp::plugin::{
    AwaitingReady, Effects, InitParameters, Instance, Loader, Scanner, SearchPath, Services,
    Started, Step, init,
};
use std::sync::Arc;
use std::time::Duration;

/// An instance of the plugin `noop`, and what its calls are made with.
pub(super) struct Calls {
    instance: Result<Instance<AwaitingReady>, String>,
    effects: Effects,
}

const NOOP: &str = "noop";
/// What is received; any will do.
const DATAGRAM: [u8; 64] = [0; 64];

impl Calls {
    pub(super) fn new() -> Self {
        let mut effects = Effects::default();
        Self {
            instance: instance(&mut effects),
            effects,
        }
    }
}

fn instance(effects: &mut Effects) -> Result<Instance<AwaitingReady>, String> {
    let path = SearchPath::from_dirs(vec![baseline::directory()])
        .map_err(|error| format!("{error}; or run `make bench`"))?;
    let loader = Loader::new(path, Services::default(), Scanner::this_program());
    let plugin = loader
        .load(NOOP)
        .map_err(|error| format!("{error}; or run `make bench`"))?;
    let parameters = InitParameters {
        component_id: 1,
        component_count: 1,
        mtu: 1200,
        instance_id: 1,
        stream_id: 1,
        options: Arc::default(),
    };
    match init(&plugin, &parameters, 0, effects) {
        Ok(Started::AwaitingReady(instance)) => Ok(instance),
        Ok(_) => Err(format!("the plugin {NOOP} does more than nothing in init")),
        Err(failed) => Err(failed.failure.to_string()),
    }
}

impl Side for Calls {
    fn run(&mut self, count: u64) -> Result<Duration, String> {
        let taken = Err(format!("the plugin {NOOP} is gone after a failed call"));
        let mut instance = std::mem::replace(&mut self.instance, taken)?;
        let start = cpu_time();
        for now_ns in 0..count {
            instance = match instance.recv_from_peer(&DATAGRAM, now_ns, &mut self.effects) {
                Ok(Step::Pending(instance)) => instance,
                Ok(Step::Finished(..)) => return Err(format!("the plugin {NOOP} has finished")),
                Err(failed) => return Err(failed.failure.to_string()),
            };
        }
        let taken = cpu_time() - start;
        self.instance = Ok(instance);
        Ok(taken)
    }
}

/// The row of it.
pub(super) fn figure(setup: &Setup) -> Figure {
    show::progress("calls into a plugin, and the same called directly");
    let [host, baseline] = measure(
        [
            &mut Calls::new(),
            &mut Baseline::new("direct", "run `make bench`"),
        ],
        setup.time,
    );
    Figure {
        name: "call",
        what: "no-op recv_from_peer, against a direct call",
        unit: "ns of CPU",
        host,
        baseline: Some(baseline),
        target: Target::MoreAtMost(5.0),
        note: "through the loaded library, all checks of what comes back included".to_owned(),
    }
}
