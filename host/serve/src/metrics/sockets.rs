//! What the system says of the sockets on the daemon's port.
use super::registrar::Registrar;
use prometheus::{GaugeVec, IntCounterVec};
use std::collections::HashMap;
use std::fs;
use std::sync::{Mutex, PoisonError};

pub(super) struct SocketMetrics {
    port: u16,
    dropped: IntCounterVec,
    waiting: GaugeVec,
    /// What each socket had dropped when it was looked at last, by its inode.
    seen: Mutex<HashMap<u64, u64>>,
}

/// A socket, as the system lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    inode: u64,
    /// Bytes, as the system counts them, that wait to be taken.
    waiting: u64,
    /// Datagrams that it had no room for.
    dropped: u64,
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
        let mut sockets = Vec::new();
        for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
            // Other systems have no such files.
            let table = fs::read_to_string(table).unwrap_or_default();
            sockets.extend(listed(&table, self.port));
        }
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

/// The sockets on a port in a table as `/proc/net/udp`. Lines that are not understood are left out.
fn listed(table: &str, port: u16) -> impl Iterator<Item = Listed> {
    table.lines().filter_map(move |line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, its) = fields.get(1)?.rsplit_once(':')?;
        if u16::from_str_radix(its, 16).ok()? != port {
            return None;
        }
        let (_, waiting) = fields.get(4)?.split_once(':')?;
        Some(Listed {
            inode: fields.get(9)?.parse().ok()?,
            waiting: u64::from_str_radix(waiting, 16).ok()?,
            dropped: fields.get(12)?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_found_by_their_port() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  331: 0100007F:0D96 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 25561 2 0000000000000000 17
  331: 00000000000000000000000001000000:0D96 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 25562 2 0 0
  332: 0100007F:0D97 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 25563 2 0000000000000000 5
  333: 0100007F:0D96 half a line";
        let found: Vec<_> = listed(table, 3478).collect();
        let socket = |inode, waiting, dropped| Listed {
            inode,
            waiting,
            dropped,
        };
        assert_eq!(found, [socket(25561, 0x300, 17), socket(25562, 0, 0)]);
    }
}
