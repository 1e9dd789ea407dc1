//! One DTLS session on dimpl: datagrams, time and the peer's fingerprints go in; datagrams, keys and deadlines
//! come out.
use crate::clock::Clock;
use crate::config::MAX_QUEUED;
use crate::failure::{anonymous, closed, doubt, explain, is_harmless, too_large, without_srtp};
use crate::key_log::ClientRandom;
use crate::keys::SrtpKeys;
use crate::parameters::Parameters;
use crate::record::{Trust, client_random, records, trust};
use dimpl::{Dtls, Output};
use handclasp_plugin::{Result, Role, Time};
use std::cell::Cell;
use zeroize::Zeroizing;

/// dimpl asserts that its output buffer holds the peer's certificate, and that can be as long as all it queues.
const OUTPUT_SIZE: usize = MAX_QUEUED * u16::MAX as usize;

/// dimpl's answer to a call.
type Handled = std::result::Result<(), dimpl::Error>;

thread_local! {
    /// dimpl's output, for all sessions of a thread: zeroed memory costs nothing until it is written to.
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Where a session's datagrams and remarks go.
pub(crate) trait Sink {
    /// A datagram for the peer.
    fn packet(&mut self, datagram: &[u8]);
    /// A sentence the operator should read although all goes on.
    fn warn(&mut self, sentence: &str);
    /// A line for whoever looks for a fault.
    fn debug(&mut self, line: &str);
}

/// How a session stands after a call.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When to call [`Session::step`] if nothing happens until then.
    pub(crate) deadline: Option<Time>,
    /// The handshake data, in the one call that finishes the handshake.
    pub(crate) finished: Option<Zeroizing<Vec<u8>>>,
}

pub(crate) struct Session {
    parameters: Parameters,
    clock: Clock,
    dtls: Dtls,
    /// Whether there is a way to the peer.
    ready: bool,
    /// Whether any datagram has left.
    answered: bool,
    /// What the ClientHello has that this session began with.
    client_random: Option<ClientRandom>,
    /// Whether the peer has shown the certificate it promised.
    authenticated: bool,
    /// Whether the operator has heard of a plaintext alert.
    warned: bool,
    /// Never there before the peer is authenticated.
    keys: Option<SrtpKeys>,
}

impl Session {
    pub(crate) fn new(parameters: Parameters, now: Time) -> Self {
        let mut clock = Clock::new();
        let dtls = parameters.engine(clock.instant(now));
        Self {
            parameters,
            clock,
            dtls,
            ready: false,
            answered: false,
            client_random: None,
            authenticated: false,
            warned: false,
            keys: None,
        }
    }

    /// There is a way to the peer: an initiator sends its first flight.
    pub(crate) fn start(&mut self, now: Time, sink: &mut impl Sink) -> Result<Progress> {
        self.ready = true;
        self.step(now, sink)
    }

    /// Time has passed.
    pub(crate) fn step(&mut self, now: Time, sink: &mut impl Sink) -> Result<Progress> {
        if self.is_unheard_of() {
            return Ok(Progress {
                deadline: None,
                finished: None,
            });
        }
        let instant = self.clock.instant(now);
        let handled = self.dtls.handle_timeout(instant);
        self.conclude(handled, now, sink)
    }

    /// A datagram from the peer, or from whoever can send in its name.
    ///
    /// dimpl gets each record by itself: of a datagram that begins with a handshake message it knows, it would
    /// drop the rest unseen, and a peer that repeats a flight in part would wait for ever.
    pub(crate) fn receive(
        &mut self,
        datagram: &[u8],
        now: Time,
        sink: &mut impl Sink,
    ) -> Result<Progress> {
        // dimpl wants to know the time before each datagram, and to be emptied after each call.
        let mut progress = self.step(now, sink)?;
        if self.is_unheard_of() {
            return Ok(progress);
        }
        for record in records(datagram) {
            if !self.is_believable(record, sink) {
                continue;
            }
            self.remember(record);
            let handled = self.handle(record, now);
            let next = self.conclude(handled, now, sink)?;
            progress = Progress {
                deadline: next.deadline,
                finished: progress.finished.or(next.finished),
            };
        }
        Ok(progress)
    }

    /// Says goodbye, if there is a session to end.
    pub(crate) fn close(&mut self, now: Time, sink: &mut impl Sink) -> Result<()> {
        let closed = self.dtls.close();
        self.conclude(closed, now, sink).map(drop)
    }

    /// What DTLS agreed on, once it has.
    pub(crate) fn keys(&self) -> Option<&SrtpKeys> {
        self.keys.as_ref()
    }

    /// What names this session in a key log, once it has begun.
    pub(crate) fn client_random(&self) -> Option<&ClientRandom> {
        self.client_random.as_ref()
    }

    /// A responder answers to one ClientHello, and an initiator begins with its own: later ones change nothing.
    fn remember(&mut self, record: &[u8]) {
        if !self.answered {
            self.client_random = client_random(record).or(self.client_random);
        }
    }

    /// Before its first flight an initiator has nothing to repeat, and no datagram can be an answer.
    fn is_unheard_of(&self) -> bool {
        self.parameters.role == Role::Initiator && !self.ready
    }

    /// Whether dimpl may see the record: it believes plaintext alerts and ACKs.
    fn is_believable(&mut self, record: &[u8], sink: &mut impl Sink) -> bool {
        match trust(record) {
            Trust::Judge => return true,
            Trust::PlaintextAlert(description) if !self.warned => {
                self.warned = true;
                sink.warn(&doubt(description));
            }
            refused => sink.debug(&format!("dropped a record: {refused:?}")),
        }
        false
    }

    fn handle(&mut self, record: &[u8], now: Time) -> Handled {
        let handled = self.dtls.handle_packet(record);
        let is_cluttered = matches!(
            handled,
            Err(dimpl::Error::TooManyClientHelloFragments | dimpl::Error::ReceiveQueueFull)
        );
        if self.answered || !is_cluttered {
            return handled;
        }
        // A responder has kept so much that was no ClientHello that the real one finds no place. It begins
        // again: it has not said anything yet.
        let instant = self.clock.instant(now);
        self.dtls = self.parameters.engine(instant);
        self.dtls.handle_timeout(instant)?;
        self.dtls.handle_packet(record)
    }

    /// Takes all that dimpl has to say, after an error too: an alert may be among it.
    fn conclude(&mut self, handled: Handled, now: Time, sink: &mut impl Sink) -> Result<Progress> {
        let mut output = OUTPUT.take();
        if output.is_empty() {
            output = vec![0; OUTPUT_SIZE];
        }
        let drained = self.drain(&mut output, now, sink);
        OUTPUT.set(output);
        match handled {
            Err(error) if is_harmless(&error) => sink.debug(&format!("dimpl: {error}")),
            Err(error) => return drained.and(Err(explain(error))),
            Ok(()) => {}
        }
        drained
    }

    fn drain(&mut self, output: &mut [u8], now: Time, sink: &mut impl Sink) -> Result<Progress> {
        let mut connected = false;
        let mut finished = None;
        loop {
            match self.dtls.poll_output(output) {
                Output::Packet(datagram) => {
                    self.remember(datagram);
                    self.answered = true;
                    sink.packet(datagram);
                }
                Output::Connected => connected = true,
                Output::PeerCert(certificate) => {
                    self.parameters.peer.verify(certificate)?;
                    self.authenticated = true;
                }
                Output::KeyingMaterial(..) if !self.authenticated => return Err(anonymous()),
                Output::KeyingMaterial(material, profile) => {
                    let keys = SrtpKeys::new(profile, &material)?;
                    finished = Some(keys.handshake_data(self.parameters.role));
                    self.keys = Some(keys);
                }
                Output::ApplicationData(data) => {
                    sink.debug(&format!(
                        "dropped {} bytes of DTLS application data",
                        data.len()
                    ));
                }
                Output::CloseNotify => return Err(closed()),
                Output::BufferTooSmall { needed } => return Err(too_large(needed)),
                Output::Timeout(_) if connected && finished.is_none() => return Err(without_srtp()),
                Output::Timeout(deadline) => {
                    return Ok(Progress {
                        deadline: self.clock.due(deadline, now),
                        finished,
                    });
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
