//! Requests carried out in this process: the instances of one plugin that is mapped here.
mod live;

use super::effects::Effects;
use super::fault::{CallName, Failure};
use super::instance::init;
use super::open::Plugin;
use super::request::{Call, Completion, Request};
use live::{Answer, Live, misplaced};
use std::sync::Arc;

/// The instances of one plugin, and calls into them. What is left when it is dropped is destroyed.
#[derive(Debug)]
pub struct InProcess {
    plugin: Arc<Plugin>,
    /// Few: those of one stream.
    instances: Vec<(u64, Live)>,
}

/// What an `init` has made, on whichever thread: an [`InProcess`] takes it in.
#[derive(Debug)]
pub struct Made {
    completion: Completion,
    instance: Option<Live>,
}

impl Made {
    /// Carries out a request for `init`, in this thread.
    pub fn new(plugin: &Arc<Plugin>, request: Request, now_ns: u64) -> Self {
        let Request { instance_id, call } = request;
        let mut effects = Effects::default();
        let answer = match call {
            Call::Init(parameters) => plugin
                .measured(CallName::Init, || {
                    init(plugin, &parameters, now_ns, &mut effects)
                })
                .into(),
            other => Answer::misplaced(plugin, None, other.name()),
        };
        Self::of(instance_id, answer, effects)
    }

    /// The answer to a request for an `init` that nobody waits for any more: it is not made.
    pub fn unwanted(request: Request) -> Self {
        Self {
            completion: request.gone(),
            instance: None,
        }
    }

    /// What came of it.
    pub fn completion(&self) -> &Completion {
        &self.completion
    }

    /// The request to destroy what nobody takes in, if it is an instance, and what carries that out.
    pub fn leftover(self, plugin: &Arc<Plugin>) -> Option<(InProcess, Request)> {
        let mut calls = InProcess::new(Arc::clone(plugin));
        let Completion {
            instance_id,
            has_instance,
            ..
        } = calls.take_in(self);
        let request = Request {
            instance_id,
            call: Call::Destroy,
        };
        has_instance.then_some((calls, request))
    }

    fn of(instance_id: u64, answer: Answer, effects: Effects) -> Self {
        let Answer { left, outcome } = answer;
        let completion = Completion {
            instance_id,
            has_instance: left.is_some(),
            outcome,
            effects,
        };
        Self {
            completion,
            instance: left,
        }
    }
}

impl InProcess {
    /// Without an instance.
    pub fn new(plugin: Arc<Plugin>) -> Self {
        Self {
            plugin,
            instances: Vec::new(),
        }
    }

    /// Whose instances they are.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Makes the call, in this thread. One that does not fit the instance's state is not made, and fails.
    pub fn run(&mut self, request: Request, now_ns: u64) -> Completion {
        if let Call::Init(_) = request.call {
            let made = Made::new(&self.plugin, request, now_ns);
            return self.take_in(made);
        }
        let Request { instance_id, call } = request;
        let name = call.name();
        let mut effects = Effects::default();
        let index = self.index(instance_id);
        let live = index.map(|index| self.instances.swap_remove(index).1);
        let answer = match live {
            Some(live) => {
                let run = || live.run(&self.plugin, call, now_ns, &mut effects);
                self.plugin.measured(name, run)
            }
            None => Answer::misplaced(&self.plugin, None, name),
        };
        self.take_in(Made::of(instance_id, answer, effects))
    }

    /// Takes in what an `init` elsewhere has made.
    pub fn take_in(&mut self, made: Made) -> Completion {
        let instance_id = made.completion.instance_id;
        let instance = made.instance.map(|live| (instance_id, live));
        self.instances.extend(instance);
        made.completion
    }

    /// Derives keying material (RFC 5705) into `out`. An absent and an empty context differ.
    ///
    /// # Errors
    /// The plugin's failure, or the handshake has not finished.
    pub fn export(
        &mut self,
        instance_id: u64,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), Failure> {
        match self.live(instance_id) {
            Some(Live::Finished(instance)) => instance.export(label, context, out),
            _ => Err(misplaced(&self.plugin, CallName::Exporter)),
        }
    }

    fn index(&self, instance_id: u64) -> Option<usize> {
        self.instances.iter().position(|(id, _)| *id == instance_id)
    }

    fn live(&mut self, instance_id: u64) -> Option<&mut Live> {
        let index = self.index(instance_id)?;
        Some(&mut self.instances[index].1)
    }
}
