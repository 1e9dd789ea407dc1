//! @NAME@: each side proves that it knows the secret both share, and both derive a key from it.
//!
//! The protocol, the same in C, C++ and Rust:
//!
//!   Before ICE connects, each side draws a nonce of 32 bytes: its challenge, which is its init data.
//!
//!     proof    initiator to responder    byte 32, then MAC("initiator")
//!     answer   responder to initiator    byte 33, then MAC("responder")
//!
//!   MAC(label) = HMAC-SHA-256(psk, label | initiator's nonce | responder's nonce), 32 bytes.
//!   The handshake data is MAC("key").
//!
//!   The initiator repeats its proof until it is answered: after 250 ms, then after twice the time before,
//!   at most 1 s. The responder answers every proof, also when it has finished: the network may lose an
//!   answer. What does not prove anything is ignored: it may be forged.
//!
//! What it does not give: forward secrecy, since whoever learns psk can derive the key of every handshake
//! recorded before; and strength that psk lacks, since what was recorded can be tried against guesses.
use handclasp_plugin::*;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

/// First bytes, apart from STUN and RTP (RFC 7983).
const PROOF: u8 = 32;
const ANSWER: u8 = 33;

const NONCE_BYTES: usize = 32;
const SHORTEST_SECRET: usize = 16;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

struct PreSharedKey {
    /// Wiped when dropped.
    secret: Hmac<Sha256>,
    nonce: [u8; NONCE_BYTES],
    peer: Option<Session>,
}

/// What there is to do once the peer is known.
struct Session {
    role: Role,
    /// What this side sends,
    own: Vec<u8>,
    /// and what it waits for: a first byte and a MAC.
    due: (u8, Hmac<Sha256>),
    key: Hmac<Sha256>,
    /// From one proof to the next.
    wait: Duration,
    warned: bool,
    finished: bool,
}

impl Handshake for PreSharedKey {
    fn init(host: Host, init: &Init<'_>, call: &Call<'_>) -> Result<Started<Self>> {
        let psk = init.option("psk").unwrap_or_default();
        if psk.len() < SHORTEST_SECRET {
            return Err(Error::new(
                ErrorKind::Option,
                "psk is too short to be a secret: give 16 bytes or more, such as what \
                 `openssl rand -hex 16` prints",
            ));
        }
        let secret = Hmac::new_from_slice(psk.as_bytes())
            .map_err(|error| Error::new(ErrorKind::Option, error))?;
        let mut nonce = [0; NONCE_BYTES];
        host.random(&mut nonce)?;
        call.init_data(&nonce);
        Ok(Started::Pending(Self {
            secret,
            nonce,
            peer: None,
        }))
    }

    fn connection_ready(&mut self, call: &Call<'_>) -> Result {
        if let Some(session) = &self.peer
            && session.role == Role::Initiator
        {
            session.send_proof(call);
        }
        Ok(Status::Pending)
    }

    fn recv_from_peer(&mut self, datagram: &[u8], call: &Call<'_>) -> Result {
        match &mut self.peer {
            Some(session) => Ok(session.receive(datagram, call)),
            None => Ok(Status::Pending),
        }
    }
}

impl Peer for PreSharedKey {
    fn set_peer(&mut self, peer: PeerParameters<'_>, _call: &Call<'_>) -> Result {
        if peer.init_data.len() != NONCE_BYTES {
            return Err(Error::new(
                ErrorKind::PeerRejected,
                "the peer's init data is not a nonce of 32 bytes: give it the same handshake",
            ));
        }
        let nonces = match peer.role {
            Role::Initiator => [&self.nonce, peer.init_data],
            Role::Responder => [peer.init_data, &self.nonce],
        };
        self.peer = Some(Session::new(&self.secret, peer.role, nonces));
        Ok(Status::Pending)
    }
}

impl Timer for PreSharedKey {
    fn on_deadline(&mut self, call: &Call<'_>) -> Result {
        if let Some(session) = &mut self.peer
            && session.role == Role::Initiator
            && !session.finished
        {
            session.wait = (session.wait * 2).min(LONGEST_WAIT);
            session.send_proof(call);
        }
        Ok(Status::Pending)
    }
}

impl Classify for PreSharedKey {
    const FIRST_BYTES: FirstBytes = FirstBytes::range(PROOF, ANSWER);
}

impl Session {
    /// `nonces` stand in the order of the roles.
    fn new(secret: &Hmac<Sha256>, role: Role, nonces: [&[u8]; 2]) -> Self {
        let mac = |label: &str| {
            let said = [label.as_bytes(), nonces[0], nonces[1]];
            said.iter()
                .fold(secret.clone(), |mac, part| mac.chain_update(part))
        };
        let (proof, answer) = ((PROOF, mac("initiator")), (ANSWER, mac("responder")));
        let (own, due) = match role {
            Role::Initiator => (proof, answer),
            Role::Responder => (answer, proof),
        };
        let own = [&[own.0], &own.1.finalize().into_bytes()[..]].concat();
        Self {
            role,
            own,
            due,
            key: mac("key"),
            wait: FIRST_WAIT,
            warned: false,
            finished: false,
        }
    }

    fn send_proof(&self, call: &Call<'_>) {
        call.packet(&self.own);
        call.deadline(call.now() + self.wait);
    }

    fn receive(&mut self, datagram: &[u8], call: &Call<'_>) -> Status {
        let (first, due) = &self.due;
        match datagram.split_first() {
            Some((byte, mac)) if byte == first => {
                // In constant time: how long it takes tells nothing of where the two differ.
                if due.clone().verify_slice(mac).is_err() {
                    self.ignore(call);
                    return Status::Pending;
                }
            }
            _ => return Status::Pending,
        }
        if self.role == Role::Responder {
            call.packet(&self.own);
        }
        if self.finished {
            return Status::Pending;
        }
        self.finish(call)
    }

    /// Says it once: the timeout that follows would not tell why.
    fn ignore(&mut self, call: &Call<'_>) {
        if !self.warned && !self.finished {
            call.warn("a proof of the peer's is wrong: is psk the same on both sides?");
        }
        self.warned = true;
    }

    fn finish(&mut self, call: &Call<'_>) -> Status {
        self.finished = true;
        call.clear_deadline();
        call.handshake_data(&self.key.clone().finalize().into_bytes());
        Status::Finished
    }
}

export! {
    handshake: PreSharedKey,
    id: c"@NAME@",
    name: c"Pre-shared key",
    vendor: c"Your name",
    license: c"MIT",
    description: c"Proves on both sides that they share a secret",
    init_data_type: c"psk-nonce",
    handshake_data_type: c"psk-key",
    options: [
        OptionSpec::string(c"psk")
            .required()
            .secret()
            .help(c"The secret both sides share: 16 bytes or more"),
    ],
    implements: [Peer(required), Timer, Classify],
}
