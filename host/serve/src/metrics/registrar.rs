//! Where each metric is made, so that there is one list of them.
use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};
use std::collections::HashMap;

/// Makes metrics. Names, help and labels are this program's own: that they are well formed is tested.
#[derive(Default)]
pub(super) struct Registrar(Registered);

/// All metrics there are.
#[derive(Default)]
pub(super) struct Registered {
    pub(super) registry: Registry,
    /// What removes the series of a generation, of each metric that has such.
    forgetting: Vec<Forget>,
    described: Vec<Described>,
}

/// Removes a metric's series of a plugin's generation.
type Forget = Box<dyn Fn(&str, &str) + Send + Sync>;

/// A metric, as the documentation lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) labels: &'static [&'static str],
}

/// The labels of what belongs to a generation begin with these.
pub(super) const GENERATION: [&str; 2] = ["plugin", "generation"];
const WELL_FORMED: &str = "names and labels are well formed, and each is there once";

impl Registrar {
    /// A count of things.
    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &'static [&'static str],
    ) -> IntCounterVec {
        let vec = IntCounterVec::new(Opts::new(name, help), labels).expect(WELL_FORMED);
        self.register(&vec, name, "counter", labels);
        vec
    }

    /// A sum of seconds.
    pub(super) fn seconds(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &'static [&'static str],
    ) -> CounterVec {
        let vec = CounterVec::new(Opts::new(name, help), labels).expect(WELL_FORMED);
        self.register(&vec, name, "counter", labels);
        vec
    }

    /// What goes up and down.
    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &'static [&'static str],
    ) -> GaugeVec {
        let vec = GaugeVec::new(Opts::new(name, help), labels).expect(WELL_FORMED);
        self.register(&vec, name, "gauge", labels);
        vec
    }

    /// How long things take.
    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &'static [&'static str],
        buckets: &[f64],
    ) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let vec = HistogramVec::new(options, labels).expect(WELL_FORMED);
        self.register(&vec, name, "histogram", labels);
        vec
    }

    fn register<T: MetricVecBuilder + 'static>(
        &mut self,
        vec: &MetricVec<T>,
        name: &'static str,
        kind: &'static str,
        labels: &'static [&'static str],
    ) where
        MetricVec<T>: Collector,
    {
        self.0
            .registry
            .register(Box::new(vec.clone()))
            .expect(WELL_FORMED);
        self.0.described.push(Described { name, kind, labels });
        if labels.starts_with(&GENERATION) {
            let vec = vec.clone();
            self.0
                .forgetting
                .push(Box::new(move |id, number| forget(&vec, id, number)));
        }
    }

    pub(super) fn finish(self) -> Registered {
        self.0
    }
}

impl Registered {
    /// Removes the series of a generation that has ended.
    pub(super) fn forget(&self, id: &str, number: u64) {
        let number = number.to_string();
        self.forgetting
            .iter()
            .for_each(|forget| forget(id, &number));
    }

    /// All metrics there are, also those that have no series yet.
    #[cfg(test)]
    pub(super) fn described(&self) -> &[Described] {
        &self.described
    }
}

fn forget<T: MetricVecBuilder>(vec: &MetricVec<T>, id: &str, number: &str)
where
    MetricVec<T>: Collector,
{
    for family in vec.collect() {
        for metric in family.get_metric() {
            let labels = metric.get_label().iter();
            let labels: HashMap<&str, &str> =
                labels.map(|pair| (pair.name(), pair.value())).collect();
            let is_its =
                labels.get("plugin") == Some(&id) && labels.get("generation") == Some(&number);
            if is_its {
                let _ = vec.remove(&labels); // it is there
            }
        }
    }
}

/// Brings a counter to what something else has counted.
pub(super) fn raise(counter: &IntCounter, counted: u64) {
    counter.inc_by(counted.saturating_sub(counter.get()));
}
