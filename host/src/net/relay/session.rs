//! TLS to a TURN server, without the connection that carries it.
use super::words::words;
use rustls::ClientConnection;
use std::io::{self, ErrorKind, Read as _, Write as _};

/// One TLS session. Bytes of the connection and bytes of the application go in and out.
#[derive(Debug)]
pub(super) struct Session(ClientConnection);

impl Session {
    /// A session that has not begun.
    pub(super) fn new(connection: ClientConnection) -> Self {
        Self(connection)
    }

    /// Appends to `out` what is to be sent so that `contents` reaches the server, and what the handshake has to say.
    ///
    /// # Errors
    /// The session takes no more.
    pub(super) fn encrypt(&mut self, contents: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.0.writer().write_all(contents)?;
        while self.0.wants_write() {
            if self.0.write_tls(out)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Takes all of `bytes`, which the connection has brought, and gives what they carry to `tell`.
    ///
    /// # Errors
    /// The session has failed, or the server has closed it: what follows a `close_notify` is not read (RFC 8446,
    /// section 6.1).
    pub(super) fn decrypt(
        &mut self,
        mut bytes: &[u8],
        mut tell: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            // It takes nothing after `close_notify`: without this the loop would not end.
            if self.0.read_tls(&mut bytes)? == 0 {
                return Err(closed());
            }
            let state = self.0.process_new_packets();
            let state = state.map_err(|error| io::Error::other(words(&error)))?;
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            self.0.reader().read_exact(&mut plain)?;
            if !plain.is_empty() {
                tell(&plain);
            }
            if state.peer_has_closed() {
                return Err(closed());
            }
        }
        Ok(())
    }
}

/// How a connection ends that its server has closed.
pub(super) fn closed() -> io::Error {
    io::Error::new(
        ErrorKind::UnexpectedEof,
        "the server has closed the connection",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
    use std::sync::Arc;

    /// Both ends, connected.
    fn pair() -> (Session, ServerConnection) {
        let certificate =
            CertificateDer::from_pem_slice(include_bytes!("testdata/certificate.pem"))
                .expect("it is a certificate");
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("testdata/key.pem"));
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
            .with_single_cert(vec![certificate], key.expect("it is a key"))
            .expect("they belong together");
        let name = "relay.test".try_into().expect("it is a name");
        let client = ClientConnection::new(Arc::new(client), name).expect("a session can begin");
        let mut client = Session::new(client);
        let mut server = ServerConnection::new(Arc::new(server)).expect("a session can begin");
        for _ in 0..4 {
            let mut out = Vec::new();
            client.encrypt(b"", &mut out).expect("nothing is wrong");
            feed(&mut server, &out);
            let said = said_by(&mut server);
            client
                .decrypt(&said, |_| panic!("nothing was sent"))
                .expect("nothing is wrong");
        }
        assert!(!server.is_handshaking());
        (client, server)
    }

    fn feed(server: &mut ServerConnection, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            assert_ne!(server.read_tls(&mut bytes).expect("there is room"), 0);
            server.process_new_packets().expect("nothing is wrong");
        }
    }

    fn said_by(server: &mut ServerConnection) -> Vec<u8> {
        let mut said = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut said).expect("there is room");
        }
        said
    }

    #[test]
    fn a_byte_behind_the_end_is_the_end() {
        let (mut client, mut server) = pair();
        server.writer().write_all(b"the last").expect("it stands");
        server.send_close_notify();
        let said = said_by(&mut server);
        let mut heard = Vec::new();
        let taken = client.decrypt(&said, |bytes| heard.extend_from_slice(bytes));
        assert_eq!(heard, b"the last");
        let error = taken.expect_err("the server has closed it");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        for _ in 0..2 {
            let error = client.decrypt(b"x", |_| panic!("it carries nothing"));
            assert_eq!(
                error.expect_err("it is over").kind(),
                ErrorKind::UnexpectedEof
            );
        }
    }

    #[test]
    fn what_is_cut_anywhere_arrives_whole() {
        let (mut client, mut server) = pair();
        let sent: Vec<u8> = (0..100_000_u32).map(|byte| byte as u8).collect();
        let mut said = Vec::new();
        for chunk in sent.chunks(10_000) {
            server.writer().write_all(chunk).expect("it stands");
            said.extend(said_by(&mut server));
        }
        let mut heard = Vec::new();
        for piece in said.chunks(777) {
            let taken = client.decrypt(piece, |bytes| heard.extend_from_slice(bytes));
            taken.expect("nothing is wrong");
        }
        assert_eq!(heard, sent);
    }
}
