//! The control socket, and the daemon as a whole.
use super::Observed;
use super::registrar::Registrar;
use crate::news::News;
use prometheus::{GaugeVec, IntCounterVec};

pub(super) struct ControlMetrics {
    connections: GaugeVec,
    waiting: GaugeVec,
    draining: GaugeVec,
    predecessor: GaugeVec,
    reloads: IntCounterVec,
}

impl ControlMetrics {
    pub(super) fn new(registrar: &mut Registrar) -> Self {
        let metrics = Self {
            connections: registrar.gauge(
                "handclasp_control_connections",
                "Connections to the control socket.",
                &[],
            ),
            waiting: registrar.gauge(
                "handclasp_control_waiting_bytes",
                "Bytes that wait to be read by programs on the control socket.",
                &[],
            ),
            draining: registrar.gauge(
                "handclasp_draining",
                "Whether no stream is opened any more, for the daemon is to end.",
                &[],
            ),
            predecessor: registrar.gauge(
                "handclasp_predecessor",
                "Whether the daemon that this one has taken over from still has streams.",
                &[],
            ),
            reloads: registrar.counter(
                "handclasp_config_reloads_total",
                "How often the configuration was read again and is in force.",
                &[],
            ),
        };
        let build = registrar.gauge(
            "handclasp_build_info",
            "Always 1; its label is the version of Handclasp.",
            &["version"],
        );
        build
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        metrics.reloads.with_label_values::<&str>(&[]);
        metrics
    }

    pub(super) fn take(&self, news: &News) {
        if let News::Reloaded { .. } = news {
            self.reloads.with_label_values::<&str>(&[]).inc();
        }
    }

    pub(super) fn observe(&self, observed: &Observed<'_>) {
        for (gauge, value) in [
            (&self.connections, observed.connections),
            (&self.waiting, observed.waiting_bytes),
            (&self.draining, usize::from(observed.is_draining)),
            (&self.predecessor, usize::from(observed.has_predecessor)),
        ] {
            gauge.with_label_values::<&str>(&[]).set(value as f64);
        }
    }
}
