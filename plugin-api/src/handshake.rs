use crate::{Call, Host, Init, Result};
use handclasp_abi as abi;

/// A handshake for one ICE component.
///
/// These three callbacks are required; the traits [`Peer`], [`Timer`], [`Classify`], [`Close`], [`Wake`] and
/// [`Export`] are what a handshake may implement besides, and name in [`export!`](crate::export).
pub trait Handshake: Sized + Send + 'static {
    /// Makes an instance. The only call that may take long.
    ///
    /// [`Started::Finished`] means there is nothing to shake hands about: no other callback will run.
    ///
    /// # Errors
    /// A failure ends this stream alone, with the error's sentence.
    fn init(host: Host, init: &Init<'_>, call: &Call<'_>) -> Result<Started<Self>>;

    /// ICE has a selected pair: the place to send a first flight. At most once in an instance's life.
    ///
    /// # Errors
    /// A failure ends this component.
    fn connection_ready(&mut self, call: &Call<'_>) -> Result;

    /// A datagram from an address that ICE has validated; possibly before
    /// [`connection_ready`](Self::connection_ready).
    ///
    /// # Errors
    /// A failure ends this component; [`ErrorKind::ClosedByPeer`](crate::ErrorKind::ClosedByPeer) after the
    /// finish is an orderly end.
    fn recv_from_peer(&mut self, datagram: &[u8], call: &Call<'_>) -> Result;
}

/// What [`Handshake::init`] made.
#[derive(Debug)]
pub enum Started<T> {
    /// A handshake to be done.
    Pending(T),
    /// A handshake that is over already.
    Finished,
}

/// How a handshake stands after a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It goes on; after the finish: all is well.
    Pending,
    /// It is over. Answered exactly once, in the call that emits the handshake data.
    Finished,
}

impl Status {
    pub(crate) fn code(self) -> abi::hc_status {
        match self {
            Self::Pending => abi::HC_PENDING,
            Self::Finished => abi::HC_FINISHED,
        }
    }
}

/// Who starts the handshake: from offer and answer or the application, never from the ICE role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This side starts.
    Initiator,
    /// The peer starts.
    Responder,
}

/// What is known of the peer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PeerParameters<'a> {
    /// This side's role; it never changes.
    pub role: Role,
    /// What the peer's `init` produced, as the declared `init_data_type` carries it.
    pub init_data: &'a [u8],
}

/// `hc.peer/1`: wants to know the peer before the first packet in either direction.
///
/// A handshake that authenticates marks it `required`.
pub trait Peer: Handshake {
    /// The peer's parameters; once, before any other callback but [`Handshake::init`].
    ///
    /// # Errors
    /// A failure ends this component.
    fn set_peer(&mut self, peer: PeerParameters<'_>, call: &Call<'_>) -> Result;
}

/// `hc.timer/1`: asks to be called at a deadline.
pub trait Timer: Handshake {
    /// The deadline set last is due; an early call is legal, and no deadline is set any more.
    ///
    /// # Errors
    /// A failure ends this component.
    fn on_deadline(&mut self, call: &Call<'_>) -> Result;
}

/// `hc.classify/1`: tells the handshake's datagrams from the application's by their first byte (RFC 7983).
pub trait Classify: Handshake {
    /// First bytes of the handshake's datagrams.
    const FIRST_BYTES: FirstBytes;
}

/// The finer part of `hc.classify/1`, named `Classify(inspect)`: asked about datagrams whose first byte is in
/// [`Classify::FIRST_BYTES`].
pub trait Inspect: Classify {
    /// Whether this datagram is the handshake's. Without side effects.
    fn is_handshake(&self, datagram: &[u8]) -> bool;
}

/// `hc.close/1`: has something to say at the end.
pub trait Close: Handshake {
    /// Emit closing packets, such as a DTLS close_notify alert.
    ///
    /// # Errors
    /// Reported as a warning: the instance ends all the same.
    fn close(&mut self, call: &Call<'_>) -> Result;
}

/// `hc.wake/1`: waits for something outside, such as keys in hardware, and is woken from any thread.
pub trait Wake: Handshake {
    /// Somebody called [`Waker::wake`](crate::Waker::wake); coalesced, and possibly spurious.
    ///
    /// # Errors
    /// A failure ends this component.
    fn on_wake(&mut self, call: &Call<'_>) -> Result;
}

/// `hc.export/1`: derives keying material for the application (RFC 5705).
pub trait Export: Handshake {
    /// Fills `out`, which has zeros in it. An absent and an empty context differ.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for what cannot be derived.
    fn export(&mut self, label: &[u8], context: Option<&[u8]>, out: &mut [u8]) -> Result<()>;
}

/// A set of first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstBytes(pub(crate) [u8; 32]);

impl FirstBytes {
    /// The bytes from `first` to `last`, both included. DTLS has 20 to 63.
    pub const fn range(first: u8, last: u8) -> Self {
        let mut map = [0u8; 32];
        let mut byte = first as usize;
        while byte <= last as usize {
            map[byte / 8] |= 1 << (byte % 8);
            byte += 1;
        }
        Self(map)
    }
}
