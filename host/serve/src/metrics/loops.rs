//! The event loops.
use super::registrar::{Registrar, raise};
use handclasp::Host;
use prometheus::{GaugeVec, IntCounterVec};

pub(super) struct LoopMetrics {
    turns: IntCounterVec,
    lag: GaugeVec,
    stuck: GaugeVec,
    handovers: IntCounterVec,
    moves: IntCounterVec,
}

impl LoopMetrics {
    pub(super) fn new(registrar: &mut Registrar) -> Self {
        Self {
            turns: registrar.counter(
                "handclasp_loop_turns_total",
                "Turns of an event loop.",
                &["loop"],
            ),
            lag: registrar.gauge(
                "handclasp_loop_lag_seconds",
                "How late an event loop is: how long a turn of it takes of late, or for how long a stream has waited for a step of its handshake or the like.",
                &["loop"],
            ),
            stuck: registrar.gauge(
                "handclasp_loop_stuck",
                "Whether an event loop has been in one turn for 2 s.",
                &["loop"],
            ),
            handovers: registrar.counter(
                "handclasp_handover_datagrams_total",
                "Datagrams that arrived at another event loop than their stream's, and were handed to that.",
                &[],
            ),
            moves: registrar.counter(
                "handclasp_stream_moves_total",
                "How often a stream has moved to the event loop at which its peer's datagrams arrive.",
                &[],
            ),
        }
    }

    pub(super) fn observe(&self, host: &Host) {
        for (number, state) in host.loops().into_iter().enumerate() {
            let labels = [&number.to_string()];
            raise(&self.turns.with_label_values(&labels), state.turns);
            let lag = self.lag.with_label_values(&labels);
            lag.set(state.lag.as_secs_f64());
            let stuck = self.stuck.with_label_values(&labels);
            stuck.set(f64::from(u8::from(state.is_stuck)));
        }
        let handovers = host.handovers();
        let counter = self.handovers.with_label_values::<&str>(&[]);
        raise(&counter, handovers.datagrams);
        raise(&self.moves.with_label_values::<&str>(&[]), handovers.moves);
    }
}
