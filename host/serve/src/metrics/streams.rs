//! Streams: how many there are, what has become of them, and how long it took.
use super::Observed;
use super::registrar::Registrar;
use crate::plugins::Generation;
use prometheus::{GaugeVec, HistogramVec, IntCounterVec};
use std::collections::HashMap;
use std::time::Duration;

pub(super) struct StreamMetrics {
    running: GaugeVec,
    half_open: GaugeVec,
    opens: IntCounterVec,
    refused: IntCounterVec,
    ended: IntCounterVec,
    outcomes: IntCounterVec,
    failures: IntCounterVec,
    connect: HistogramVec,
    ready: HistogramVec,
}

/// Within a rack, over the world, and as long as timeouts allow.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// What a stream may be.
const STATES: [&str; 5] = ["connecting", "ready", "disconnected", "failed", "closed"];
/// Why opens are refused: they are there from the start, so that the first one is seen to be one.
const REASONS: [&str; 12] = [
    "client",
    "draining",
    "full",
    "half_open",
    "lag",
    "name_taken",
    "options",
    "plugin",
    "plugin_streams",
    "rate",
    "streams",
    "taken_over",
];

impl StreamMetrics {
    pub(super) fn new(registrar: &mut Registrar) -> Self {
        let metrics = Self {
            running: registrar.gauge(
                "handclasp_streams",
                "Streams that run, by what they have come to.",
                &["plugin", "generation", "state"],
            ),
            half_open: registrar.gauge(
                "handclasp_streams_half_open",
                "Streams that are neither ready nor have failed yet.",
                &[],
            ),
            opens: registrar.counter(
                "handclasp_stream_opens_total",
                "Streams that were opened.",
                &["plugin", "generation"],
            ),
            refused: registrar.counter(
                "handclasp_opens_refused_total",
                "Opens that were refused, by the kind of the reason.",
                &["reason"],
            ),
            ended: registrar.counter(
                "handclasp_stream_ends_total",
                "Streams that have ended, whatever they had come to.",
                &["plugin", "generation"],
            ),
            outcomes: registrar.counter(
                "handclasp_stream_outcomes_total",
                "What streams have come to first: ready, the kind of their first failure, or abandoned before either.",
                &["plugin", "generation", "outcome"],
            ),
            failures: registrar.counter(
                "handclasp_component_failures_total",
                "Components that have failed, before or after they were ready, by the kind of the failure.",
                &["plugin", "generation", "kind"],
            ),
            connect: registrar.histogram(
                "handclasp_stream_connect_seconds",
                "Time from the opening of a stream to the first selected pair of each component.",
                &["plugin", "generation"],
                &BUCKETS,
            ),
            ready: registrar.histogram(
                "handclasp_stream_ready_seconds",
                "Time from the opening of a stream to when all its components are ready.",
                &["plugin", "generation"],
                &BUCKETS,
            ),
        };
        for reason in REASONS {
            metrics.refused.with_label_values(&[reason]);
        }
        metrics
    }

    pub(super) fn opened(&self, generation: &Generation) {
        let number = generation.number.to_string();
        let labels = [generation.id(), &number];
        self.opens.with_label_values(&labels).inc();
        // They are there from now on, so that the first one is seen to be one.
        self.ended.with_label_values(&labels);
        self.outcomes
            .with_label_values(&[labels[0], labels[1], "ready"]);
    }

    pub(super) fn connected(&self, generation: &Generation, after: Duration) {
        let labels = [generation.id(), &generation.number.to_string()];
        let histogram = self.connect.with_label_values(&labels);
        histogram.observe(after.as_secs_f64());
    }

    pub(super) fn ready(&self, generation: &Generation, after: Duration) {
        let labels = [generation.id(), &generation.number.to_string()];
        let histogram = self.ready.with_label_values(&labels);
        histogram.observe(after.as_secs_f64());
        self.outcome(generation, "ready");
    }

    pub(super) fn failed(&self, generation: &Generation, kind: &'static str, is_first: bool) {
        let labels = [generation.id(), &generation.number.to_string(), kind];
        self.failures.with_label_values(&labels).inc();
        if is_first {
            self.outcome(generation, kind);
        }
    }

    pub(super) fn abandoned(&self, generation: &Generation) {
        self.outcome(generation, "abandoned");
    }

    pub(super) fn ended(&self, generation: &Generation) {
        let labels = [generation.id(), &generation.number.to_string()];
        self.ended.with_label_values(&labels).inc();
    }

    pub(super) fn refused(&self, kind: &'static str) {
        self.refused.with_label_values(&[kind]).inc();
    }

    /// Something of each kind for a generation, told by its labels.
    #[cfg(test)]
    pub(super) fn count_for_test(&self, labels: [&str; 2]) {
        self.opens.with_label_values(&labels).inc();
        self.ready.with_label_values(&labels).observe(0.1);
        let [id, number] = labels;
        for outcome in ["ready", "ice"] {
            let labels = [id, number, outcome];
            self.outcomes.with_label_values(&labels).inc();
        }
    }

    fn outcome(&self, generation: &Generation, outcome: &str) {
        let labels = [generation.id(), &generation.number.to_string(), outcome];
        self.outcomes.with_label_values(&labels).inc();
    }

    pub(super) fn observe(&self, observed: &Observed<'_>) {
        let mut counts: HashMap<(&str, u64, &str), u64> = HashMap::new();
        let shelved = observed.plugins.iter();
        for generation in shelved.flat_map(|shelved| shelved.generations()) {
            for state in STATES {
                counts.insert((generation.id(), generation.number, state), 0);
            }
        }
        for (generation, state) in observed.streams {
            let key = (generation.id(), generation.number, *state);
            *counts.entry(key).or_default() += 1;
        }
        for ((id, number, state), count) in counts {
            let labels = [id, &number.to_string(), state];
            self.running.with_label_values(&labels).set(count as f64);
        }
        let half_open = self.half_open.with_label_values::<&str>(&[]);
        half_open.set(observed.half_open as f64);
    }
}
