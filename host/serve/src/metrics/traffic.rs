//! Datagrams: how many arrive and leave, and what is dropped.
use super::registrar::{Registrar, raise};
use handclasp::Host;
use prometheus::IntCounterVec;

pub(super) struct TrafficMetrics {
    datagrams: IntCounterVec,
    bytes: IntCounterVec,
    send_calls: IntCounterVec,
    dropped: IntCounterVec,
}

impl TrafficMetrics {
    pub(super) fn new(registrar: &mut Registrar) -> Self {
        Self {
            datagrams: registrar.counter(
                "handclasp_datagrams_total",
                "UDP datagrams that were taken from the system (in) and that it took (out).",
                &["direction"],
            ),
            bytes: registrar.counter(
                "handclasp_datagram_bytes_total",
                "What UDP datagrams held, without headers of UDP and IP.",
                &["direction"],
            ),
            send_calls: registrar.counter(
                "handclasp_send_calls_total",
                "System calls that took the datagrams that have left.",
                &[],
            ),
            dropped: registrar.counter(
                "handclasp_datagrams_dropped_total",
                "Datagrams that were dropped by Handclasp, by cause.",
                &["cause"],
            ),
        }
    }

    pub(super) fn observe(&self, host: &Host) {
        let (arrivals, departures) = (host.arrivals(), host.departures());
        for (direction, datagrams, bytes) in [
            ("in", arrivals.datagrams, arrivals.bytes),
            ("out", departures.datagrams, departures.bytes),
        ] {
            raise(&self.datagrams.with_label_values(&[direction]), datagrams);
            raise(&self.bytes.with_label_values(&[direction]), bytes);
        }
        let send_calls = self.send_calls.with_label_values::<&str>(&[]);
        raise(&send_calls, departures.calls);
        for dropped in host.dropped() {
            let counter = self.dropped.with_label_values(&[dropped.cause]);
            raise(&counter, dropped.datagrams);
        }
        let (stray, handover) = (arrivals.strays, host.handovers().dropped);
        raise(&self.dropped.with_label_values(&["stray"]), stray);
        raise(&self.dropped.with_label_values(&["handover"]), handover);
    }
}
