//! The thread that answers for our names. It runs as long as there is one.
use super::records::Records;
use super::socket::GroupSocket;
use crate::made_in::MadeIn;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io;
use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Answers for the names of all streams of a host.
#[derive(Debug)]
pub(crate) struct Responder {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    made_in: MadeIn,
}

impl Default for Responder {
    fn default() -> Self {
        Self {
            shared: Arc::default(),
            thread: Mutex::default(),
            made_in: MadeIn::this_process(),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: Records,
    /// Wakes the thread, if there is one.
    waker: Option<Waker>,
    /// There may be other interfaces than before.
    is_stale: bool,
    ending: bool,
}

/// A name that is answered for. Dropping it takes it back.
#[derive(Debug)]
pub(crate) struct Registration {
    shared: Arc<Shared>,
    name: String,
}

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);
/// Most packets of one turn: what is due is said all the same under a flood.
const MAX_PACKETS: usize = 64;

impl Responder {
    /// Answers for `name` from now on. The second value tells what is wrong all the same, as a sentence.
    ///
    /// # Errors
    /// The first name, and the system gives no socket or no thread.
    pub(crate) fn register(
        &self,
        name: &str,
        address: IpAddr,
    ) -> io::Result<(Registration, Option<String>)> {
        let mut state = self.shared.lock();
        let mut warning = None;
        if state.waker.is_none() {
            let socket = GroupSocket::open()?;
            if !socket.reaches_others() && !address.is_loopback() {
                warning = Some(
                    "no interface but loopback has an IPv4 address, which multicast DNS needs here: others cannot \
                     look up the names of hidden addresses"
                        .to_owned(),
                );
            }
            let (turns, waker) = Turns::new(socket)?;
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new()
                .name("handclasp-mdns".to_owned())
                .spawn(move || turns.run(&shared))?;
            state.waker = Some(waker);
            // The one before has nothing left to do.
            *self.lock_thread() = Some(thread);
        }
        state.is_stale = true;
        state.records.add(Instant::now(), name, address);
        state.wake();
        let registration = Registration {
            shared: Arc::clone(&self.shared),
            name: name.to_owned(),
        };
        Ok((registration, warning))
    }

    fn lock_thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Responder {
    /// The last goodbyes are said before the process ends.
    fn drop(&mut self) {
        if self.made_in.is_another_process() {
            let thread = self.thread.get_mut();
            return mem::forget(thread.unwrap_or_else(PoisonError::into_inner).take()); // there is none
        }
        let mut state = self.shared.lock();
        state.ending = true;
        state.wake();
        drop(state);
        if let Some(thread) = self.lock_thread().take() {
            // One that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.records.remove(&self.name);
        state.wake();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic leaves at worst a name that nobody answers for.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            // Only fails when the thread's poll is gone, and then nobody waits for this.
            let _ = waker.wake();
        }
    }
}

/// The thread's own.
struct Turns {
    socket: GroupSocket,
    poll: Poll,
    /// The same socket, as the poll knows it.
    _polled: mio::net::UdpSocket,
}

impl Turns {
    fn new(socket: GroupSocket) -> io::Result<(Self, Waker)> {
        socket.io().set_nonblocking(true)?;
        let mut polled = mio::net::UdpSocket::from_std(socket.io().try_clone()?);
        let poll = Poll::new()?;
        let registry = poll.registry();
        registry.register(&mut polled, SOCKET, Interest::READABLE)?;
        let waker = Waker::new(registry, WAKER)?;
        let turns = Self {
            socket,
            poll,
            _polled: polled,
        };
        Ok((turns, waker))
    }

    /// Turns until there is no name left.
    fn run(mut self, shared: &Shared) {
        let mut events = Events::with_capacity(2);
        let mut more = false;
        loop {
            let Some(next) = self.speak(shared) else {
                return;
            };
            let left = next.map(|at| at.saturating_duration_since(Instant::now()));
            let timeout = if more { Some(Duration::ZERO) } else { left };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!("waiting for questions of multicast DNS: {error}");
                shared.lock().waker = None;
                return;
            }
            more = self.hear(shared);
        }
    }

    /// Says what is due. Gives when to come again, or nothing once all is said and there is no name left.
    fn speak(&mut self, shared: &Shared) -> Option<Option<Instant>> {
        loop {
            let is_stale = std::mem::take(&mut shared.lock().is_stale);
            if is_stale && let Err(error) = self.socket.refresh() {
                tracing::debug!("interfaces for multicast DNS: {error}");
            }
            let mut state = shared.lock();
            let Some(packet) = state.records.poll_announcement(Instant::now()) else {
                if state.is_stale {
                    continue;
                }
                if state.records.is_idle() || state.ending {
                    state.waker = None;
                    return None;
                }
                return Some(state.records.poll_timeout());
            };
            drop(state);
            self.socket.send_to_all(&packet);
        }
    }

    /// Takes what has come, and tells whether there may be more.
    fn hear(&self, shared: &Shared) -> bool {
        let mut buffer = [0; GroupSocket::MAX_PACKET];
        for _ in 0..MAX_PACKETS {
            let (len, source) = match self.socket.io().recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) => {
                    use io::ErrorKind::{ConnectionReset, Interrupted};
                    return matches!(error.kind(), ConnectionReset | Interrupted);
                }
            };
            if !self.socket.is_on_link(source.ip()) {
                continue;
            }
            let now = Instant::now();
            let reply = shared.lock().records.handle(now, source, &buffer[..len]);
            if let Some(reply) = reply {
                let _ = self.socket.io().send_to(&reply, source);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// Whether there is a thread, as far as it says itself.
    fn runs(responder: &Responder) -> bool {
        responder.shared.lock().waker.is_some()
    }

    fn join(responder: &Responder) {
        let thread = responder.lock_thread().take().expect("there was one");
        thread.join().expect("it does not panic");
    }

    #[test]
    fn it_runs_from_the_first_name_to_the_last() {
        let responder = Responder::default();
        assert!(!runs(&responder));
        let register = |name: &str| {
            let registered = responder.register(name, Ipv4Addr::LOCALHOST.into());
            let (registration, warning) = registered.expect("the port can be shared");
            assert_eq!(warning, None);
            registration
        };
        for _ in 0..2 {
            let [first, second] = ["first.local", "second.local"].map(register);
            drop(first);
            assert!(runs(&responder));
            drop(second);
            join(&responder);
            assert!(!runs(&responder));
        }
    }

    #[test]
    fn it_ends_with_its_host_even_where_a_name_is_left() {
        let responder = Responder::default();
        let registered = responder.register("left.local", Ipv4Addr::LOCALHOST.into());
        let shared = Arc::clone(&responder.shared);
        drop(responder);
        assert!(shared.lock().waker.is_none());
        drop(registered);
    }
}
