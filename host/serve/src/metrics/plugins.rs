//! Plugins: their generations, and the calls into them.
use super::Observed;
use super::registrar::{Registrar, raise};
use crate::news::News;
use crate::plugins::Generation;
use prometheus::{CounterVec, GaugeVec, IntCounterVec};

pub(super) struct PluginMetrics {
    calls: IntCounterVec,
    call_seconds: CounterVec,
    current: GaugeVec,
    generations: GaugeVec,
    quarantined: GaugeVec,
    loaded: IntCounterVec,
    ended: IntCounterVec,
    retired: IntCounterVec,
    refusals: IntCounterVec,
    canaries: IntCounterVec,
}

impl PluginMetrics {
    pub(super) fn new(registrar: &mut Registrar) -> Self {
        let metrics = Self {
            calls: registrar.counter(
                "handclasp_plugin_calls_total",
                "Calls into a plugin that have returned.",
                &["plugin", "generation", "call"],
            ),
            call_seconds: registrar.seconds(
                "handclasp_plugin_call_seconds_total",
                "Time that calls into a plugin took, by the clock.",
                &["plugin", "generation", "call"],
            ),
            current: registrar.gauge(
                "handclasp_plugin_current_generation",
                "The generation that opens get; 0 if the plugin's file is gone.",
                &["plugin"],
            ),
            generations: registrar.gauge(
                "handclasp_plugin_generations",
                "Generations of a plugin that have not ended.",
                &["plugin"],
            ),
            quarantined: registrar.gauge(
                "handclasp_plugin_quarantined",
                "Whether an operator has opens of the plugin refused.",
                &["plugin"],
            ),
            loaded: registrar.counter(
                "handclasp_generations_loaded_total",
                "Files that have become a generation of a plugin.",
                &["plugin"],
            ),
            ended: registrar.counter(
                "handclasp_generations_ended_total",
                "Generations that have ended with their last stream.",
                &["plugin"],
            ),
            retired: registrar.counter(
                "handclasp_plugins_retired_total",
                "How often a plugin's file was removed.",
                &["plugin"],
            ),
            refusals: registrar.counter(
                "handclasp_plugin_refusals_total",
                "Files in plugin directories that were found not to be usable.",
                &[],
            ),
            canaries: registrar.counter(
                "handclasp_canary_outcomes_total",
                "What trials of new generations came to: promoted, or back.",
                &["plugin", "outcome"],
            ),
        };
        metrics.refusals.with_label_values::<&str>(&[]);
        metrics
    }

    pub(super) fn take(&self, news: &News) {
        match news {
            News::GenerationLoaded { id, .. } => {
                self.loaded.with_label_values(&[id]).inc();
                // They are there from now on, so that the first one is seen to be one.
                self.ended.with_label_values(&[id]);
                self.retired.with_label_values(&[id]);
                for outcome in ["promoted", "back"] {
                    self.canaries.with_label_values(&[id.as_str(), outcome]);
                }
            }
            News::GenerationEnded { id, .. } => self.ended.with_label_values(&[id]).inc(),
            News::PluginRetired { id, .. } => self.retired.with_label_values(&[id]).inc(),
            News::PluginRefused { .. } => self.refusals.with_label_values::<&str>(&[]).inc(),
            News::CanaryPromoted { id, .. } => self
                .canaries
                .with_label_values(&[id.as_str(), "promoted"])
                .inc(),
            News::CanaryWentBack { id, .. } => {
                self.canaries
                    .with_label_values(&[id.as_str(), "back"])
                    .inc();
            }
            _ => {}
        }
    }

    pub(super) fn observe(&self, observed: &Observed<'_>) {
        for shelved in observed.plugins {
            let labels = [&shelved.id];
            let current = shelved.current.as_ref();
            let current = current.map_or(0, |generation| generation.number);
            self.current.with_label_values(&labels).set(current as f64);
            let generations = shelved.generations().count();
            let gauge = self.generations.with_label_values(&labels);
            gauge.set(generations as f64);
            let is_quarantined = shelved.quarantine.is_some();
            let gauge = self.quarantined.with_label_values(&labels);
            gauge.set(f64::from(u8::from(is_quarantined)));
            shelved
                .generations()
                .for_each(|generation| self.observe_calls(generation));
        }
    }

    fn observe_calls(&self, generation: &Generation) {
        let number = generation.number.to_string();
        for count in generation.plugin.call_counts() {
            let labels = [generation.id(), &number, count.name.as_str()];
            raise(&self.calls.with_label_values(&labels), count.calls);
            let seconds = self.call_seconds.with_label_values(&labels);
            seconds.inc_by((count.time.as_secs_f64() - seconds.get()).max(0.0));
        }
    }
}
