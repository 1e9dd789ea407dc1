//! Times and counts.
use super::component::ComponentSummary;
use handclasp::printable;
use handclasp::trace::{Record, Trace, What};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a trace amounts to. Times are in microseconds from the stream's opening.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    streams: Vec<StreamSummary>,
    /// From the trace's beginning to its last event.
    us: u64,
    cut_off: bool,
    missed: u64,
}

#[derive(Debug, Default, Serialize)]
struct StreamSummary {
    stream: String,
    plugin: Option<String>,
    plugin_version: Option<String>,
    components: BTreeMap<u16, ComponentSummary>,
    #[serde(skip)]
    opened: u64,
}

impl Summary {
    pub(super) fn of(trace: &Trace) -> Self {
        let mut summary = Self {
            streams: Vec::new(),
            us: trace.records.last().map_or(0, |record| record.us),
            cut_off: trace.cut_off,
            missed: 0,
        };
        for record in &trace.records {
            if let What::Missed(gap) = &record.what {
                summary.missed = summary.missed.saturating_add(gap.count);
            }
            // What is about all of a trace is about no stream of it.
            if !record.stream.is_empty() {
                summary.stream(record).take(record);
            }
        }
        summary
    }

    fn stream(&mut self, record: &Record) -> &mut StreamSummary {
        let known = self
            .streams
            .iter()
            .position(|it| it.stream == record.stream);
        let index = known.unwrap_or_else(|| {
            self.streams.push(StreamSummary {
                stream: record.stream.clone(),
                opened: record.us,
                ..StreamSummary::default()
            });
            self.streams.len() - 1
        });
        &mut self.streams[index]
    }

    /// For people: a line for each component of each side.
    pub(super) fn words(&self) -> Vec<String> {
        let lines = self.streams.iter().flat_map(|stream| {
            let name = printable(&stream.stream);
            let components = stream.components.iter();
            components.map(move |(id, component)| {
                format!("{name}, component {id}: {}", component.words())
            })
        });
        lines.collect()
    }
}

impl StreamSummary {
    fn take(&mut self, record: &Record) {
        let after = record.us - self.opened; // records are sorted
        if let What::Opened {
            plugin,
            plugin_version,
            ..
        } = &record.what
        {
            self.plugin = Some(plugin.clone());
            self.plugin_version = Some(plugin_version.clone());
        }
        if let Some(id) = record.what.component_id() {
            self.components
                .entry(id)
                .or_default()
                .take(after, &record.what);
        }
    }
}
