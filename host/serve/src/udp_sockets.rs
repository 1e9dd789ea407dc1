//! UDP sockets of this process's network namespace, as the system lists them.
use std::fs;

/// A socket, as the system lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) inode: u64,
    /// Bytes, as the system counts them, that wait to be taken.
    pub(crate) waiting: u64,
    /// Datagrams that it had no room for.
    pub(crate) dropped: u64,
}

/// All at a port, at any address. Other systems than Linux list none.
pub(crate) fn at(port: u16) -> Vec<Listed> {
    let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"];
    let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| listed(table, port))
        .collect()
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

    #[test]
    fn what_is_no_table_has_no_socket() {
        for table in [
            "",
            "x",
            "x\n1: 2\n",
            "x\n 0: 00:zz 1 2 3 4 5 6 7 8\n",
            "x\n 0: 00:0D96\n",
        ] {
            assert_eq!(listed(table, 3478).next(), None, "{table}");
        }
    }
}
