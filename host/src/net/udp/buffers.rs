//! What the system keeps of what arrives and of what leaves, for each UDP socket.
use crate::net::addresses::bind::BindOptions;
use mio::net::UdpSocket;
use socket2::SockRef;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that the system keeps for a socket: of what has arrived and was not received yet, and of what was sent and
/// has not left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketBuffers {
    /// Of what has arrived.
    pub receive: usize,
    /// Of what is to leave.
    pub send: usize,
}

/// What a shared socket asks the system to keep of what arrives while the loop is busy.
const SHARED_RECEIVE: usize = 4 * 1024 * 1024;

/// What the sockets of a loop were granted that asked, which others read: the least of all.
#[derive(Debug)]
pub(crate) struct GrantedBuffers {
    receive: AtomicUsize,
    send: AtomicUsize,
}

/// No socket has asked.
const NONE: usize = usize::MAX;

impl Default for GrantedBuffers {
    fn default() -> Self {
        Self {
            receive: AtomicUsize::new(NONE),
            send: AtomicUsize::new(NONE),
        }
    }
}

impl GrantedBuffers {
    /// Of all these loops together.
    pub(crate) fn least<'a>(loops: impl Iterator<Item = &'a Self>) -> Option<SocketBuffers> {
        let granted = loops.filter_map(Self::read);
        granted.reduce(|one, other| SocketBuffers {
            receive: one.receive.min(other.receive),
            send: one.send.min(other.send),
        })
    }

    fn read(&self) -> Option<SocketBuffers> {
        // Statistics: nothing is read in an order with other memory.
        let [receive, send] =
            [&self.receive, &self.send].map(|least| least.load(Ordering::Relaxed));
        (receive != NONE && send != NONE).then_some(SocketBuffers { receive, send })
    }

    fn note(&self, granted: SocketBuffers) {
        self.receive.fetch_min(granted.receive, Ordering::Relaxed);
        self.send.fetch_min(granted.send, Ordering::Relaxed);
    }

    /// Gives a bound socket the buffers that are asked for. The system may grant less, which is logged once.
    pub(in crate::net) fn ask(&self, socket: &UdpSocket, bind_options: &BindOptions) {
        let (shared, socket) = (bind_options.single_port, SockRef::from(socket));
        let default = shared.then_some(SHARED_RECEIVE);
        let receive = bind_options.receive_buffer.or(default);
        if receive.is_none() && bind_options.send_buffer.is_none() {
            return;
        }
        // What was refused shows in what was granted.
        let _ = receive.map(|bytes| socket.set_recv_buffer_size(bytes));
        let _ = (bind_options.send_buffer).map(|bytes| socket.set_send_buffer_size(bytes));
        let granted = (socket.recv_buffer_size(), socket.send_buffer_size());
        let (Ok(received), Ok(sent)) = granted else {
            return;
        };
        let granted = SocketBuffers {
            receive: usable(received),
            send: usable(sent),
        };
        self.note(granted);
        static RECEIVE: Once = Once::new();
        static SEND: Once = Once::new();
        let asked = [
            (&RECEIVE, RECEIVE_LIMIT, receive, granted.receive),
            (&SEND, SEND_LIMIT, bind_options.send_buffer, granted.send),
        ];
        for (once, limit, wanted, granted) in asked {
            if let Some(sentence) = wanted.and_then(|wanted| shortage(limit, wanted, granted)) {
                once.call_once(|| tracing::warn!("{sentence}"));
            }
        }
    }
}

/// What the system says that a buffer has; Linux counts as much again for what it needs to keep it.
fn usable(bytes: usize) -> usize {
    match cfg!(target_os = "linux") {
        true => bytes / 2,
        false => bytes,
    }
}

/// A buffer, and what limits it.
struct Limit {
    of: &'static str,
    sysctl: &'static str,
}

const RECEIVE_LIMIT: Limit = Limit {
    of: "receive",
    sysctl: match cfg!(target_os = "linux") {
        true => "net.core.rmem_max",
        false => "kern.ipc.maxsockbuf",
    },
};
const SEND_LIMIT: Limit = Limit {
    of: "send",
    sysctl: match cfg!(target_os = "linux") {
        true => "net.core.wmem_max",
        false => "kern.ipc.maxsockbuf",
    },
};

/// What to say of a buffer for which less was granted than was wanted.
fn shortage(limit: Limit, wanted: usize, granted: usize) -> Option<String> {
    let Limit { of, sysctl } = limit;
    (granted < wanted).then(|| {
        format!(
            "a UDP socket has a {of} buffer of {granted} bytes, not of {wanted}: what comes in bursts may be lost; allow \
             more with sysctl -w {sysctl}={wanted}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn socket() -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port")
    }

    #[test]
    fn what_was_granted_is_read_back_and_the_least_of_all_is_told() {
        let granted = GrantedBuffers::default();
        let least = || GrantedBuffers::least([&granted, &GrantedBuffers::default()].into_iter());
        granted.ask(&socket(), &BindOptions::new());
        assert_eq!(least(), None, "nothing was asked for");
        let two = BindOptions::new()
            .receive_buffer(65_536)
            .send_buffer(32_768);
        granted.ask(&socket(), &two);
        let (receive, send) = (65_536, 32_768);
        assert_eq!(least(), Some(SocketBuffers { receive, send }));
        let smaller = BindOptions::new().receive_buffer(16_384);
        granted.ask(&socket(), &smaller);
        let of_both = least().expect("they asked");
        assert_eq!(of_both.receive, 16_384);
        assert!(of_both.send <= send, "the system's own may be smaller");
    }

    #[test]
    fn shared_sockets_ask_for_more_than_the_system_gives_by_itself() {
        let shared = GrantedBuffers::default();
        shared.ask(&socket(), &BindOptions::new().single_port(true));
        let before = usable(
            SockRef::from(&socket())
                .recv_buffer_size()
                .expect("it is ours"),
        );
        let granted = shared.read().expect("it asks");
        assert!(
            granted.receive >= before,
            "{granted:?} rather than {before}"
        );
    }

    #[test]
    fn a_shortage_is_told_with_both_figures_and_what_mends_it() {
        assert_eq!(shortage(RECEIVE_LIMIT, 100, 100), None);
        let sentence = shortage(SEND_LIMIT, 4_194_304, 212_992).expect("it is less");
        for part in ["send", "4194304", "212992", "sysctl -w ", SEND_LIMIT.sysctl] {
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
