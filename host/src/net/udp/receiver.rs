//! Batches of received datagrams.
use crate::net::arrivals::ArrivalCounter;
use crate::net::udp::socket::Socket;
use quinn_udp::{BATCH_SIZE, RecvMeta};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

/// The memory for one batch of received datagrams.
pub(in crate::net) struct Receiver {
    storage: Box<[u8]>,
    metas: [RecvMeta; BATCH_SIZE],
}

/// With GRO a buffer holds several datagrams.
const BUFFER: usize = 64 * 1024;
/// Turns a busy socket gets before the others are looked at again.
const MAX_BATCHES: usize = 8;

/// The memory of loops that have ended, for the next ones, as much as a host has by default: it is too much to be given
/// to the allocator, which keeps such pieces for each thread, and again for each host.
static SPARE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

impl Receiver {
    pub(in crate::net) fn new() -> Self {
        let spare = spare().pop();
        Self {
            storage: spare.unwrap_or_else(|| vec![0; BATCH_SIZE * BUFFER].into_boxed_slice()),
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// Takes what has arrived. Returns whether there may be more.
    pub(in crate::net) fn receive(
        &mut self,
        socket: &Socket,
        arrivals: &ArrivalCounter,
        mut each: impl FnMut(SocketAddr, &[u8]),
    ) -> bool {
        for _ in 0..MAX_BATCHES {
            let received = {
                let mut chunks = self.storage.chunks_exact_mut(BUFFER);
                let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| {
                    IoSliceMut::new(chunks.next().expect("as many as make a batch"))
                });
                socket.receive(&mut slices, &mut self.metas)
            };
            let received = match received {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    // Such as an ICMP error for an earlier datagram: the socket lives on.
                    tracing::debug!("receive: {error}");
                    continue;
                }
            };
            let (mut datagrams, mut bytes) = (0, 0);
            for (meta, buffer) in self.metas[..received]
                .iter()
                .zip(self.storage.chunks_exact(BUFFER))
            {
                let stride = meta.stride.max(1);
                datagrams += meta.len.div_ceil(stride) as u64;
                bytes += meta.len as u64;
                for datagram in buffer[..meta.len].chunks(stride) {
                    each(meta.addr, datagram);
                }
            }
            arrivals.add(datagrams, bytes);
            if received < BATCH_SIZE {
                return false;
            }
        }
        true
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let most = available_parallelism().map_or(1, usize::from);
        let mut spare = spare();
        if spare.len() < most {
            spare.push(std::mem::take(&mut self.storage));
        }
    }
}

fn spare() -> MutexGuard<'static, Vec<Box<[u8]>>> {
    // No code that could panic runs under this lock.
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}
