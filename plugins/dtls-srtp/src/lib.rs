//! DTLS-SRTP (RFC 5764) over DTLS 1.2 and 1.3, on the library dimpl.
//!
//! All components of a stream show one ECDSA certificate, announced as `a=fingerprint`: a self-signed one, or that
//! in the files of the options `certificate` and `private-key`. The peer's must match a fingerprint it announced
//! (RFC 8122). What comes out are SRTP keys.
#![forbid(unsafe_code)]

mod certificate;
mod clock;
mod config;
mod doubt;
mod failure;
mod fingerprint;
mod key_log;
mod keys;
mod parameters;
mod pem;
mod plaintext;
mod record;
mod session;
mod signing;
mod transcript;
mod undated;

use certificate::Identity;
use dimpl::Config;
use fingerprint::Fingerprints;
use handclasp_plugin::{
    Call, Classify, Close, Error, ErrorKind, Export, FirstBytes, Handshake, Host, Init, Level,
    OptionSpec, Peer, PeerParameters, Result, Started, Status, Timer, export,
};
use parameters::{Parameters, Version};
use session::{Progress, Session, Sink};
use std::sync::Arc;

/// One component's handshake.
struct DtlsSrtp {
    host: Host,
    version: Version,
    config: Arc<Config>,
    identity: Arc<Identity>,
    /// There once the peer is known.
    session: Option<Session>,
}

impl Handshake for DtlsSrtp {
    fn init(host: Host, init: &Init<'_>, call: &Call<'_>) -> Result<Started<Self>> {
        let handshake = Self {
            host,
            version: Version::named(init.option("version").unwrap_or("auto"))?,
            config: config::shared(init.mtu())?,
            identity: identity(host, init, call)?,
            session: None,
        };
        call.init_data(handshake.identity.init_data().as_bytes());
        Ok(Started::Pending(handshake))
    }

    fn connection_ready(&mut self, call: &Call<'_>) -> Result {
        self.drive(call, |session, wire| session.start(call.now(), wire))
    }

    fn recv_from_peer(&mut self, datagram: &[u8], call: &Call<'_>) -> Result {
        self.drive(call, |session, wire| {
            session.receive(datagram, call.now(), wire)
        })
    }
}

impl Peer for DtlsSrtp {
    fn set_peer(&mut self, peer: PeerParameters<'_>, call: &Call<'_>) -> Result {
        let parameters = Parameters {
            version: self.version,
            role: peer.role,
            config: self.config.clone(),
            identity: self.identity.clone(),
            peer: Fingerprints::parse(peer.init_data)?,
        };
        self.session = Some(Session::new(parameters, call.now()));
        Ok(Status::Pending)
    }
}

impl Timer for DtlsSrtp {
    fn on_deadline(&mut self, call: &Call<'_>) -> Result {
        self.drive(call, |session, wire| session.step(call.now(), wire))
    }
}

impl Classify for DtlsSrtp {
    const FIRST_BYTES: FirstBytes = FirstBytes::range(20, 63);
}

impl Close for DtlsSrtp {
    fn close(&mut self, call: &Call<'_>) -> Result {
        if let Some(session) = &mut self.session {
            let host = self.host;
            session.close(call.now(), &mut Wire { host, call })?;
        }
        Ok(Status::Pending)
    }
}

impl Export for DtlsSrtp {
    fn export(&mut self, label: &[u8], context: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
        let keys = self.session.as_ref().and_then(Session::keys);
        let keys = keys.ok_or_else(|| {
            Error::new(
                ErrorKind::BadState,
                "DTLS exports nothing before its handshake is over",
            )
        })?;
        keys.export(label, context, out)
    }
}

impl DtlsSrtp {
    fn drive<'a>(
        &mut self,
        call: &'a Call<'a>,
        step: impl FnOnce(&mut Session, &mut Wire<'a>) -> Result<Progress>,
    ) -> Result {
        let session = self.session.as_mut().ok_or_else(|| {
            Error::new(
                ErrorKind::BadState,
                "DTLS cannot go on before the host has named the peer's fingerprint and role",
            )
        })?;
        let host = self.host;
        let (progress, secrets) = key_log::watch(host.keylog_enabled(), || {
            step(session, &mut Wire { host, call })
        });
        if let Some(random) = session.client_random() {
            for secret in secrets {
                host.keylog(&secret.line(random));
            }
        }
        let progress = progress?;
        match progress.deadline {
            Some(deadline) => call.deadline(deadline),
            None => call.clear_deadline(),
        }
        let Some(keys) = progress.finished else {
            return Ok(Status::Pending);
        };
        call.handshake_data(&keys);
        Ok(Status::Finished)
    }
}

/// The certificate that the options name, or the stream's own.
fn identity(host: Host, init: &Init<'_>, call: &Call<'_>) -> Result<Arc<Identity>> {
    match (init.option("certificate"), init.option("private-key")) {
        (None, None) => Identity::of((host.id(), init.stream_id())),
        (Some(certificate), Some(key)) => {
            let identity = Identity::given(pem::read(certificate, key)?);
            check_size(&identity, init)?;
            if let Some(warning) = pem::shared(key) {
                call.warn(&warning);
            }
            Ok(identity)
        }
        _ => Err(Error::new(
            ErrorKind::Option,
            "options certificate and private-key: give both or neither",
        )),
    }
}

/// Whether the certificate is small enough for DTLS 1.3, where that may be spoken.
fn check_size(identity: &Identity, init: &Init<'_>) -> Result<()> {
    let len = identity.certificate().certificate.len();
    let most = config::max_certificate(init.mtu());
    if len <= most || init.option("version") == Some("1.2") {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Option,
        format_args!(
            "option certificate: it has {len} bytes, and DTLS 1.3 takes {most} here at an MTU of {}: give a smaller \
             one, set version=1.2, or use dtls-openssl",
            init.mtu()
        ),
    ))
}

/// Carries a session's output to the host.
struct Wire<'a> {
    host: Host,
    call: &'a Call<'a>,
}

impl Sink for Wire<'_> {
    fn packet(&mut self, datagram: &[u8]) {
        self.call.packet(datagram);
    }

    fn warn(&mut self, sentence: &str) {
        self.call.warn(sentence);
    }

    fn debug(&mut self, line: &str) {
        self.host.log(Level::Debug, line);
    }
}

export! {
    handshake: DtlsSrtp,
    id: c"dtls-srtp",
    name: c"DTLS-SRTP",
    vendor: c"The Handclasp authors",
    license: c"MIT OR Apache-2.0",
    description: c"SRTP keys from DTLS 1.2 or 1.3 with ECDSA certificates",
    init_data_type: c"sdp-attributes:fingerprint",
    handshake_data_type: c"srtp-keys",
    options: [
        OptionSpec::file(c"certificate")
            .help(c"PEM file with the certificate; without it, each stream makes its own"),
        OptionSpec::file(c"private-key")
            .help(c"PEM file with its key, ECDSA P-256 or P-384, without a passphrase"),
        OptionSpec::string(c"version").default(c"auto").help(c"DTLS version: auto, 1.2 or 1.3"),
    ],
    implements: [Peer(required), Timer, Classify, Close, Export],
}
