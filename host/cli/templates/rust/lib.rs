//! @NAME@: each side proves that it knows the secret both share, and both derive a key from it.
//!
//! The protocol, the same in C, C++ and Rust:
//!
//!   Before ICE connects, each side draws a nonce of 32 bytes. Its init data is its challenge:
//!
//!     challenge    nonce, then HMAC-SHA-256(psk, "challenge" | nonce)
//!
//!   It proves nothing, since it may be a copy, but shows at once if the peer has another psk. Then:
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
const CHALLENGE_BYTES: usize = NONCE_BYTES + 32;
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
        let shown = mac(&secret, "challenge", &[&nonce]).finalize().into_bytes();
        call.init_data(&[&nonce[..], &shown].concat());
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
        if peer.init_data.len() != CHALLENGE_BYTES {
            return Err(Error::new(
                ErrorKind::PeerRejected,
                "the peer's init data is no challenge of 64 bytes: give it the same handshake",
            ));
        }
        let (nonce, shown) = peer.init_data.split_at(NONCE_BYTES);
        // In constant time: how long it takes tells nothing of where the two differ.
        if mac(&self.secret, "challenge", &[nonce]).verify_slice(shown).is_err() {
            return Err(Error::new(
                ErrorKind::Authentication,
                "the peer has another psk: give both sides the same one",
            ));
        }
        let nonces = match peer.role {
            Role::Initiator => [&self.nonce, nonce],
            Role::Responder => [nonce, &self.nonce],
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

/// HMAC-SHA-256(psk, label | nonces), still to be finished.
fn mac(secret: &Hmac<Sha256>, label: &str, nonces: &[&[u8]]) -> Hmac<Sha256> {
    let labelled = secret.clone().chain_update(label);
    nonces.iter().fold(labelled, |mac, nonce| mac.chain_update(nonce))
}

impl Session {
    /// `nonces` stand in the order of the roles.
    fn new(secret: &Hmac<Sha256>, role: Role, nonces: [&[u8]; 2]) -> Self {
        let mac = |label| mac(secret, label, &nonces);
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
            Some((byte, mac)) if byte == first && due.clone().verify_slice(mac).is_ok() => {}
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
    init_data_type: c"psk-challenge",
    handshake_data_type: c"psk-key",
    options: [
        OptionSpec::string(c"psk")
            .required()
            .secret()
            .help(c"The secret both sides share: 16 bytes or more"),
    ],
    implements: [Peer(required), Timer, Classify],
}
