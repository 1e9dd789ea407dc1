//! One DTLS session on dimpl: datagrams, time and the peer's fingerprints go in; datagrams, keys and deadlines
//! come out.
use crate::clock::Clock;
use crate::config::MAX_QUEUED;
use crate::doubt::Doubt;
use crate::failure::{
    BAD_CERTIFICATE, HANDSHAKE_FAILURE, alert_about, alerted, anonymous, closed, doubt,
    doubt_choice, explain, is_harmless, restless, strange, too_large, unacceptable, without_srtp,
};
use crate::key_log::ClientRandom;
use crate::keys::SrtpKeys;
use crate::parameters::Parameters;
use crate::plaintext::{Progress as Said, Stage, asks_again, is_client_hello};
use crate::record::{Trust, client_random, handshake, plaintext_alert, records, renumbered, trust};
use dimpl::{Dtls, Output, ProtocolVersion};
use handclasp_plugin::{Error, Result, Role, Time};
use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// dimpl asserts that its output buffer holds the peer's certificate, and that can be as long as all it queues.
const OUTPUT_SIZE: usize = MAX_QUEUED * u16::MAX as usize;
/// Most that dimpl says at once: far more than the datagrams and records it may queue.
const MAX_OUTPUTS: usize = 4096;

/// How long a peer that is refused has to finish, so that it can be told under its keys.
const FAREWELL: Duration = Duration::from_secs(1);

/// dimpl's answer to a call.
type Handled = std::result::Result<(), dimpl::Error>;

/// Memory for dimpl's output, which a call takes and gives back: as many pieces as there have been calls at a time,
/// however many threads come and go. Zeroed memory costs nothing until it is written to.
static OUTPUTS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn outputs() -> MutexGuard<'static, Vec<Vec<u8>>> {
    // No code that could panic runs under this lock.
    OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Whether dimpl has seen anything of the peer's.
    fed: bool,
    /// Whether the server wants a second ClientHello, and whether its own has come.
    retried: bool,
    greeted: bool,
    /// Why the handshake may be over.
    doubt: Option<Doubt>,
    /// What the ClientHello has that this session began with.
    client_random: Option<ClientRandom>,
    /// Whether the peer has shown the certificate it promised.
    authenticated: bool,
    /// Whether the operator has heard of what proves nothing.
    warned: bool,
    /// Why the peer is refused, and when that is told at the latest.
    refused: Option<(Error, Time)>,
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
            fed: false,
            retried: false,
            greeted: false,
            doubt: None,
            client_random: None,
            authenticated: false,
            warned: false,
            refused: None,
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
        if let Some((reason, _)) = self.refused.take_if(|(_, until)| *until <= now) {
            return Err(reason);
        }
        if let Some(doubt) = self.doubt.take_if(|doubt| doubt.due <= now) {
            if let Some(alert) = doubt.alert {
                sink.packet(&plaintext_alert(alert));
            }
            return Err(doubt.reason);
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
            let Some(record) = self.believed(record, now, sink) else {
                continue;
            };
            self.remember(&record);
            let handled = self.handle(&record, now);
            let next = self.conclude(handled, now, sink)?;
            if self.is_waiting() && handshake(&record).is_some_and(is_client_hello) {
                // dimpl says nothing of a hello that has none of its cipher suites.
                self.doubt(Doubt::new(strange(), Some(HANDSHAKE_FAILURE), now));
            }
            progress = Progress {
                deadline: next.deadline,
                finished: progress.finished.or(next.finished),
            };
        }
        progress.deadline = self.sooner(progress.deadline);
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

    /// The record as dimpl may see it, if it may: it believes plaintext alerts and ACKs, and stumbles over messages that
    /// nobody sends.
    fn believed<'r>(
        &mut self,
        record: &'r [u8],
        now: Time,
        sink: &mut impl Sink,
    ) -> Option<Cow<'r, [u8]>> {
        let stage = Stage {
            role: self.parameters.role,
            version: self.dtls.protocol_version(),
            has_spoken: self.answered,
            is_retried: self.retried,
            is_greeted: self.greeted,
        };
        let trust = trust(record, stage, &self.parameters.config);
        match trust {
            Trust::Judge => return Some(Cow::Borrowed(record)),
            Trust::ChangeCipherSpec => return Some(Cow::Owned(renumbered(record))),
            Trust::Handshake(said) => {
                self.retried |= said == Said::Retried;
                self.greeted |= said == Said::Greeted;
                return Some(Cow::Owned(renumbered(record)));
            }
            Trust::PlaintextAlert(description) => {
                self.doubt(Doubt::new(alerted(description), None, now));
                self.warn_once(sink, || doubt(description));
            }
            Trust::Unacceptable(reason) => {
                self.doubt(Doubt::about_hello(unacceptable(reason), now));
                self.warn_once(sink, || doubt_choice(reason));
            }
            Trust::Plaintext(_) | Trust::Unprotected => {}
        }
        sink.debug(&format!("dropped a record: {trust:?}"));
        None
    }

    /// The handshake may be over, if that was the peer.
    fn doubt(&mut self, doubt: Doubt) {
        if self.keys.is_none() {
            self.doubt.get_or_insert(doubt);
        }
    }

    /// What proves nothing is worth one sentence.
    fn warn_once(&mut self, sink: &mut impl Sink, sentence: impl FnOnce() -> String) {
        if !std::mem::replace(&mut self.warned, true) {
            sink.warn(&sentence());
        }
    }

    /// The deadline, or when a doubt is due.
    fn sooner(&self, deadline: Option<Time>) -> Option<Time> {
        let doubt = self.doubt.as_ref().map(|doubt| doubt.due);
        deadline.into_iter().chain(doubt).min()
    }

    fn handle(&mut self, record: &[u8], now: Time) -> Handled {
        let hello = handshake(record);
        let is_waiting = self.is_waiting();
        if is_waiting && self.fed && hello.is_some_and(is_client_hello) {
            // What came before was no ClientHello, or one without an answer: this may be the client's.
            self.begin_again(now)?;
        }
        self.fed = true;
        let handled = self.dtls.handle_packet(record);
        let Err(error) = handled else {
            if hello.is_some() && !is_waiting {
                let is_greeted = self.greeted;
                self.doubt
                    .take_if(|doubt| is_greeted || !doubt.is_about_hello);
            }
            return Ok(());
        };
        if !is_waiting {
            return Err(error);
        }
        let is_cluttered = matches!(
            error,
            dimpl::Error::TooManyClientHelloFragments | dimpl::Error::ReceiveQueueFull
        );
        self.begin_again(now)?;
        if is_cluttered {
            // By so much that was no ClientHello that the real one found no place.
            return self.dtls.handle_packet(record);
        }
        let alert = alert_about(&error);
        self.doubt(Doubt::new(explain(error), Some(alert), now));
        Ok(())
    }

    /// A responder has not had a ClientHello that it has an answer to.
    fn is_waiting(&self) -> bool {
        self.parameters.role == Role::Responder && !self.answered
    }

    /// A responder that has not said anything yet can begin anew.
    fn begin_again(&mut self, now: Time) -> Handled {
        let instant = self.clock.instant(now);
        self.dtls = self.parameters.engine(instant);
        self.dtls.handle_timeout(instant)
    }

    /// Takes all that dimpl has to say, after an error too: an alert may be among it.
    fn conclude(&mut self, handled: Handled, now: Time, sink: &mut impl Sink) -> Result<Progress> {
        let spare = outputs().pop();
        let mut output = spare.unwrap_or_else(|| vec![0; OUTPUT_SIZE]);
        let drained = self.drain(&mut output, now, sink);
        outputs().push(output);
        match handled {
            Err(error) if is_harmless(&error) => sink.debug(&format!("dimpl: {error}")),
            Err(error) => return drained.and(Err(explain(error))),
            Ok(()) => {}
        }
        drained
    }

    /// The peer's certificate is none of those it announced.
    ///
    /// An initiator of DTLS 1.3 has finished by the time it shows its own: it must hear under its keys that it is alone,
    /// and dimpl says goodbye under them once it has finished, too. All others wait for an answer, and there are no keys
    /// to protect it with that dimpl would give away. It proves nothing, but says why there is no other.
    fn refuse(&mut self, reason: Error, now: Time, sink: &mut impl Sink) -> Result<()> {
        let is_dtls13 = self.dtls.protocol_version() == Some(ProtocolVersion::DTLS1_3);
        if is_dtls13 && self.parameters.role == Role::Responder {
            self.refused = Some((reason, now + FAREWELL));
            return Ok(());
        }
        sink.packet(&plaintext_alert(BAD_CERTIFICATE));
        Err(reason)
    }

    fn drain(&mut self, output: &mut [u8], now: Time, sink: &mut impl Sink) -> Result<Progress> {
        let mut connected = false;
        let mut told = false;
        let mut finished = None;
        for _ in 0..MAX_OUTPUTS {
            match self.dtls.poll_output(output) {
                Output::Packet(datagram) => {
                    self.remember(datagram);
                    if !self.answered {
                        self.doubt = None; // there is an answer to the client's hello
                    }
                    self.answered = true;
                    self.retried |= handshake(datagram).is_some_and(asks_again);
                    sink.packet(datagram);
                }
                Output::Connected => connected = true,
                Output::PeerCert(certificate) => match self.parameters.peer.verify(certificate) {
                    Ok(()) => self.authenticated = true,
                    Err(reason) => self.refuse(reason, now, sink)?,
                },
                Output::KeyingMaterial(..) if self.refused.is_some() => {}
                Output::KeyingMaterial(..) if !self.authenticated => return Err(anonymous()),
                Output::KeyingMaterial(material, profile) => {
                    let keys = SrtpKeys::new(profile, &material)?;
                    finished = Some(keys.handshake_data(self.parameters.role));
                    self.keys = Some(keys);
                    self.doubt = None;
                }
                Output::ApplicationData(data) => {
                    sink.debug(&format!(
                        "dropped {} bytes of DTLS application data",
                        data.len()
                    ));
                }
                Output::CloseNotify => return Err(closed()),
                Output::BufferTooSmall { needed } => return Err(too_large(needed)),
                Output::Timeout(_) if connected && self.refused.is_some() => {
                    connected = false;
                    told = true;
                    self.dtls.close().map_err(explain)?;
                }
                Output::Timeout(_) if connected && finished.is_none() => return Err(without_srtp()),
                Output::Timeout(deadline) => {
                    let until = match self.refused.take_if(|_| told) {
                        Some((reason, _)) => return Err(reason),
                        None => self.refused.as_ref().map(|(_, until)| *until),
                    };
                    let deadline = self.clock.due(deadline, now);
                    return Ok(Progress {
                        deadline: self.sooner(deadline.into_iter().chain(until).min()),
                        finished,
                    });
                }
                _ => {}
            }
        }
        Err(restless())
    }
}

#[cfg(test)]
mod tests;
