//! A side that is the datagrams of a session and nothing else: as many, of the same sizes, over bare loopback sockets.
use super::processor::cpu_time;
use super::sessions::Sessions;
use super::side::Side;
use handclasp::plugin::Scratch;
use handclasp::trace::{Direction, Trace, TraceFile, What};
use std::fs::File;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// What a session sends, and two sockets to send it over.
pub(super) struct Datagrams {
    sent: Vec<Sent>,
    sockets: [UdpSocket; 2],
    addresses: [SocketAddr; 2],
}

/// From which end, and how many bytes.
struct Sent {
    from: usize,
    bytes: usize,
}

impl Datagrams {
    /// Those of one session, which is recorded for that.
    pub(super) fn of(sessions: &Sessions) -> Result<Self, String> {
        let sent = record(sessions)?;
        let failed = |error: io::Error| format!("no socket on the loopback interface: {error}");
        let socket = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let sockets = [socket().map_err(failed)?, socket().map_err(failed)?];
        let [a, b] = &sockets;
        let addresses = [
            a.local_addr().map_err(failed)?,
            b.local_addr().map_err(failed)?,
        ];
        Ok(Self {
            sent,
            sockets,
            addresses,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.sent.iter().map(|sent| sent.bytes).sum()
    }

    fn replay(&self) -> io::Result<()> {
        let mut buffer = [0; u16::MAX as usize];
        for &Sent { from, bytes } in &self.sent {
            let to = 1 - from;
            self.sockets[from].send_to(&buffer[..bytes], self.addresses[to])?;
            self.sockets[to].recv_from(&mut buffer)?;
        }
        Ok(())
    }
}

/// In the order in which one end has sent and heard them.
fn record(sessions: &Sessions) -> Result<Vec<Sent>, String> {
    let scratch = Scratch::new().map_err(|error| format!("no place for a trace: {error}"))?;
    let path = scratch.path().join("trace");
    let file = TraceFile::create(&path).map_err(|error| error.to_string())?;
    let recorded = sessions.noted(file.recorder("a"));
    drop(file); // it is written now
    recorded?;
    let file = File::open(&path).map_err(|error| format!("the trace is gone: {error}"))?;
    let trace = Trace::read(BufReader::new(file)).map_err(|error| error.to_string())?;
    let sent = trace
        .records
        .into_iter()
        .filter_map(|record| match record.what {
            What::Datagram(datagram) => Some(Sent {
                from: usize::from(datagram.direction == Direction::In),
                bytes: datagram.bytes.into(),
            }),
            _ => None,
        });
    Ok(sent.collect())
}

impl Side for Datagrams {
    fn run(&mut self, count: u64) -> Result<Duration, String> {
        let start = cpu_time();
        for _ in 0..count {
            self.replay()
                .map_err(|error| format!("the loopback interface fails: {error}"))?;
        }
        Ok(cpu_time() - start)
    }
}
