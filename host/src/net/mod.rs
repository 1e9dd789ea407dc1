//! The one layer that touches the system: sockets, the clock, and an event loop per core.
//!
//! A loop owns streams and sockets. One turn of it: take what other threads asked, receive in batches, let
//! time pass, then carry requests, datagrams and notifications out of streams that are dirty, so many that datagrams do
//! not wait long for the next turn.
//!
//! - `event_loop`: that turn;
//! - `token`: what an event of the system's is of;
//! - `new_stream`: what a host hands to a loop;
//! - `stream_driver`: a stream on its loop, and carrying out what it wants;
//! - `application`: whom a stream reports to;
//! - `guarded`: its panics end its own stream;
//! - `stream_ref`: a stream as any thread may reach it;
//! - `inbox`: what waits for a stream;
//! - `dirty`: streams that wait to be driven;
//! - `backend`: who carries out a stream's calls into its plugin;
//! - `mailbox`: what other threads ask of a loop;
//! - `id_map`: maps by the ids of streams;
//! - `instances`: which loop and stream a handshake instance is of, for plugins' wakes;
//! - `keys`: which stream and component is meant, and where it has its sockets and listeners;
//! - `bindings`: sockets or listeners, a stream's own and shared ones;
//! - `shared_ports`: ports that are bound before there is a stream to share them;
//! - `shared_stun`: STUN servers that shared sockets ask, for all streams;
//! - `udp`: a loop's UDP sockets, and datagrams by them, many at a time;
//! - `arrivals`, `departures`: how much comes and leaves;
//! - `backlog`: bytes that wait for a connection;
//! - `deframer`: datagrams in a stream of bytes;
//! - `demux`: which component a datagram is for;
//! - `siblings`: the loops of a host, and the ports that they take from together;
//! - `handover`: datagrams that arrive at another loop than their stream's;
//! - `parcel`, `handovers`: many of them at a time, and how many there were;
//! - `takeover`: ports that pass to another process;
//! - `addresses`: this machine's addresses, and what is bound there;
//! - `relay`: connections to TURN servers;
//! - `tcp`: connections to peers, and listeners for them;
//! - `timers`: when each stream wants to be called;
//! - `mdns`: names on the local network: asking for a peer's, and answering for our own;
//! - `helpers`: threads for what may take long: calls of `init`, and names;
//! - `loss`: datagrams dropped on purpose;
//! - `watch`: loops that do not turn any more.
mod addresses;
mod application;
mod arrivals;
mod backend;
mod backlog;
mod bindings;
mod deframer;
mod demux;
mod departures;
mod dirty;
mod event_loop;
mod guarded;
mod handover;
mod handovers;
mod helpers;
mod id_map;
mod inbox;
mod instances;
mod keys;
mod loss;
mod mailbox;
mod mdns;
mod new_stream;
mod parcel;
mod relay;
mod share;
mod shared_ports;
mod shared_stun;
mod siblings;
mod stream_driver;
mod stream_ref;
mod takeover;
mod tcp;
mod timers;
mod token;
mod udp;
mod watch;

pub use addresses::bind::{BindError, BindOptions, Family};
pub use application::{Application, Context};
pub(crate) use arrivals::ArrivalCounter;
pub use arrivals::Arrivals;
pub(crate) use departures::DepartureCounter;
pub use departures::Departures;
pub(crate) use event_loop::EventLoop;
pub(crate) use guarded::Guarded;
pub use handovers::Handovers;
pub(crate) use helpers::{MAX_OVERDUE, Pools};
pub(crate) use instances::Instances;
pub use loss::Loss;
pub(crate) use mailbox::{Command, MAX_OPENING, Mailbox, NotOpened, is_on_event_loop};
pub(crate) use mdns::Responder;
pub(crate) use new_stream::NewStream;
pub use relay::TrustError;
pub(crate) use relay::client_config;
pub(crate) use shared_ports::{Ports, SharedPorts};
pub(crate) use shared_stun::SharedStun;
pub(crate) use siblings::Siblings;
pub use stream_ref::{Queued, SendError, StreamRef};
pub use takeover::Takeover;
pub(crate) use takeover::TakeoverState;
#[cfg(unix)]
pub(crate) use takeover::{Inheritance, PassPorts};
#[cfg(unix)]
pub use takeover::{PassError, PassedPlace, PassedPorts};
pub(crate) use udp::buffers::GrantedBuffers;
pub use udp::buffers::SocketBuffers;
pub use watch::LoopState;
pub(crate) use watch::{Pulse, Watch};
