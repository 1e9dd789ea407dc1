//! The link from the process whose ports were taken over.
use super::Received;
use super::datagram::PassedDatagram;
use super::state::TakeoverState;
use crate::net::deframer::Deframer;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read as _};
use std::net::SocketAddr;
use std::sync::Arc;

/// Datagrams from the predecessor's loop of the same number.
#[derive(Debug)]
pub(in super::super) struct Predecessor {
    link: mio::net::UnixStream,
    deframer: Deframer,
    buffer: Box<[u8]>,
    /// The number of the loop.
    number: usize,
    state: Arc<TakeoverState>,
}

/// Bytes of one read, and reads of a turn.
const BUFFER: usize = 128 * 1024;
const MAX_READS: usize = 4;

impl Predecessor {
    pub(in super::super) fn register(
        link: std::os::unix::net::UnixStream,
        number: usize,
        state: Arc<TakeoverState>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        link.set_nonblocking(true)?;
        let mut link = mio::net::UnixStream::from_std(link);
        registry.register(&mut link, token, Interest::READABLE)?;
        state.predecessor_heard(number);
        Ok(Self {
            link,
            deframer: Deframer::default(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            number,
            state,
        })
    }

    /// Takes what was passed on: where each datagram had come, from where, and what it holds.
    pub(in super::super) fn receive(
        &mut self,
        mut each: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) -> Received {
        for _ in 0..MAX_READS {
            let length = match self.link.read(&mut self.buffer) {
                Ok(0) => return Received::Ended,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Drained,
                Err(error) => {
                    tracing::warn!("the predecessor cannot be heard any more: {error}");
                    return Received::Ended;
                }
            };
            self.state.predecessor_heard(self.number);
            let mut bytes = &self.buffer[..length];
            while let Some(frame) = self.deframer.next(&mut bytes) {
                match PassedDatagram::read(frame) {
                    _ if frame.is_empty() => {} // it turns
                    Some(passed) => each(passed.local, passed.remote, passed.content),
                    None => tracing::debug!("what the predecessor passes on is no datagram"),
                }
            }
        }
        Received::More
    }
}

impl Drop for Predecessor {
    fn drop(&mut self) {
        self.state.predecessor_ended(self.number);
    }
}
