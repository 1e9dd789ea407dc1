//! What the system says of the sockets on the daemon's port.
use super::registrar::Registrar;
use crate::udp_sockets::{self, Listed};
use prometheus::{GaugeVec, IntCounterVec};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

pub(super) struct SocketMetrics {
    port: u16,
    dropped: IntCounterVec,
    waiting: GaugeVec,
    /// What each socket had dropped when it was looked at last, by its inode.
    seen: Mutex<HashMap<u64, u64>>,
}

impl SocketMetrics {
    pub(super) fn new(registrar: &mut Registrar, port: u16) -> Self {
        Self {
            port,
            dropped: registrar.counter(
                "handclasp_socket_drops_total",
                "Datagrams that the system dropped at sockets on the daemon's port, for its event loops were too slow.",
                &[],
            ),
            waiting: registrar.gauge(
                "handclasp_socket_waiting_bytes",
                "Memory of the system's that datagrams take which wait at sockets on the daemon's port.",
                &[],
            ),
            seen: Mutex::default(),
        }
    }

    pub(super) fn observe(&self) {
        let sockets = udp_sockets::at(self.port);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |socket: &Listed| {
            let before = seen.get(&socket.inode).copied().unwrap_or_default();
            socket.dropped.saturating_sub(before)
        };
        let new = sockets.iter().map(since).sum();
        self.dropped.with_label_values::<&str>(&[]).inc_by(new);
        *seen = sockets.iter().map(|it| (it.inode, it.dropped)).collect();
        let waiting: u64 = sockets.iter().map(|socket| socket.waiting).sum();
        let gauge = self.waiting.with_label_values::<&str>(&[]);
        gauge.set(waiting as f64);
    }
}
