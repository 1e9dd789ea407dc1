//! TLS to a TURN server: a real server's bytes, cut anywhere, tampered with, and others behind their end. The time
//! limit of each input is what tells of a loop that takes nothing.
#![no_main]
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use session::Session;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, LazyLock};

// They are private to the host, and need nothing else of it.
#[allow(dead_code)]
#[path = "../../src/net/relay/session.rs"]
mod session;
#[path = "../../src/net/relay/words.rs"]
mod words;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// The server sends.
    Says(&'a [u8]),
    Closes,
    /// Somebody on the path puts bytes behind those that wait.
    Adds(&'a [u8]),
    /// Somebody on the path changes one that waits.
    Flips(u16, u8),
    /// So many of those that wait arrive.
    Arrives(u16),
    /// The client sends.
    Sends(&'a [u8]),
}

static CONFIGS: LazyLock<(Arc<ClientConfig>, Arc<ServerConfig>)> = LazyLock::new(|| {
    const CERTIFICATE: &[u8] = include_bytes!("../../src/net/relay/testdata/certificate.pem");
    const KEY: &[u8] = include_bytes!("../../src/net/relay/testdata/key.pem");
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("it is one");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("it is one");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("it can be trusted");
    let provider = Arc::new(ring::default_provider());
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    (Arc::new(client), Arc::new(server))
});

fuzz_target!(|story: (u8, Vec<Step<'_>>)| {
    let (rounds, steps) = story;
    let (client, server) = &*CONFIGS;
    let name = "relay.test".try_into().expect("it is a name");
    let client = ClientConnection::new(Arc::clone(client), name).expect("a session can begin");
    let mut client = Session::new(client);
    let mut server = ServerConnection::new(Arc::clone(server)).expect("a session can begin");
    let mut wire = Vec::new();
    // The steps begin in the middle of the handshake, or after it.
    for _ in 0..rounds % 6 {
        let _ = exchange(&mut client, &mut server, &mut wire);
        let _ = client.decrypt(&std::mem::take(&mut wire), |_| {});
    }
    let mut said = Vec::new();
    let mut heard = Vec::new();
    let mut is_honest = !server.is_handshaking();
    let mut has_ended = false;
    for step in steps {
        match step {
            Step::Says(bytes) if server.writer().write_all(bytes).is_ok() => said.extend(bytes),
            Step::Says(_) => return,
            Step::Closes => server.send_close_notify(),
            Step::Adds(bytes) => {
                is_honest &= bytes.is_empty();
                wire.extend(bytes);
            }
            Step::Flips(at, mask) => {
                let len = wire.len().max(1);
                if let Some(byte) = wire.get_mut(usize::from(at) % len) {
                    *byte ^= mask;
                    is_honest &= mask == 0;
                }
            }
            Step::Arrives(count) => {
                let count = usize::from(count).min(wire.len());
                let taken = client.decrypt(&wire[..count], |bytes| heard.extend_from_slice(bytes));
                wire.drain(..count);
                assert!(
                    !has_ended || count == 0 || taken.is_err(),
                    "it goes on after its end"
                );
                has_ended |= taken.is_err();
            }
            Step::Sends(bytes) => {
                if client.encrypt(bytes, &mut Vec::new()).is_err() {
                    return;
                }
            }
        }
        while server.wants_write() {
            let written = server.write_tls(&mut wire).expect("there is room");
            assert_ne!(written, 0);
        }
    }
    assert!(
        heard.len() <= said.len() && heard == said[..heard.len()],
        "it heard what nobody said"
    );
    if is_honest
        && !has_ended
        && client
            .decrypt(&wire, |bytes| heard.extend_from_slice(bytes))
            .is_ok()
    {
        assert_eq!(heard, said, "something is missing");
    }
});

/// The client's bytes reach the server, and the server's the wire.
fn exchange(
    client: &mut Session,
    server: &mut ServerConnection,
    wire: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut out = Vec::new();
    client.encrypt(b"", &mut out)?;
    let mut rest = &out[..];
    while !rest.is_empty() && server.read_tls(&mut rest)? > 0 {
        server
            .process_new_packets()
            .map_err(std::io::Error::other)?;
        let _ = server.reader().read(&mut [0; 64]);
    }
    while server.wants_write() && server.write_tls(wire)? > 0 {}
    Ok(())
}
