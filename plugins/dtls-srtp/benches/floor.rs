//! The floor under a session: what bare dimpl costs in memory, both ends on one core, without ICE, sockets
//! or plugin boundary. Run with `cargo bench -p handclasp-dtls-srtp`.
use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, Dtls, DtlsCertificate, NamedGroup, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HANDSHAKES: u32 = 1_000;

fn main() {
    let certificate = time("certificate", HANDSHAKES, fresh_certificate);
    let config = time("configuration", 100, || config(&[]));
    let engine = time("engine", HANDSHAKES, || {
        Dtls::new_auto(config.clone(), certificate.clone(), Instant::now())
    });
    drop(engine);
    for (name, groups) in [
        ("X25519", vec![NamedGroup::X25519]),
        ("P-256", vec![NamedGroup::Secp256r1]),
    ] {
        let config = self::config(&groups);
        for (version, new) in [
            ("1.2", Dtls::new_12 as fn(_, _, _) -> _),
            ("1.3", Dtls::new_13),
            ("auto", Dtls::new_auto),
        ] {
            let what = format!("handshake {version}, {name}, certificates shared");
            time(&what, HANDSHAKES, || {
                handshake(&config, new, &certificate, &certificate)
            });
            let what = format!("handshake {version}, {name}, certificates fresh");
            time(&what, HANDSHAKES, || {
                handshake(&config, new, &fresh_certificate(), &fresh_certificate())
            });
        }
    }
}

/// Prints the mean time of `rounds` calls after one to warm up; answers the last result.
fn time<T>(what: &str, rounds: u32, mut call: impl FnMut() -> T) -> T {
    let mut last = call();
    let start = Instant::now();
    for _ in 0..rounds {
        last = call();
    }
    let mean = start.elapsed() / rounds;
    let rate = 1.0 / mean.as_secs_f64();
    println!(
        "{what:<52} {:>9.1} µs {rate:>8.0}/s",
        mean.as_secs_f64() * 1e6
    );
    last
}

fn fresh_certificate() -> DtlsCertificate {
    generate_self_signed_certificate().expect("the system has randomness")
}

fn config(groups: &[NamedGroup]) -> Arc<Config> {
    let mut config = Config::builder().mtu(1200).use_server_cookie(false);
    if !groups.is_empty() {
        config = config.kx_groups(groups);
    }
    Arc::new(config.build().expect("the settings are valid"))
}

type New = fn(Arc<Config>, DtlsCertificate, Instant) -> Dtls;

/// One full mutual handshake, up to the keying material on both sides.
fn handshake(config: &Arc<Config>, new: New, client: &DtlsCertificate, server: &DtlsCertificate) {
    let now = Instant::now();
    let mut client = new(config.clone(), client.clone(), now);
    let mut server = new(config.clone(), server.clone(), now);
    client.set_active(true);
    client.handle_timeout(now).expect("a client can start");
    server.handle_timeout(now).expect("a server can start");
    let mut buffer = vec![0; 4096];
    let (mut client_done, mut server_done) = (false, false);
    while !(client_done && server_done) {
        client_done |= pump(&mut client, &mut server, &mut buffer);
        server_done |= pump(&mut server, &mut client, &mut buffer);
        assert!(now.elapsed() < Duration::from_secs(1), "no packet was lost");
    }
}

/// Carries what `from` has to say to `to`; whether `from` has its keys.
fn pump(from: &mut Dtls, to: &mut Dtls, buffer: &mut [u8]) -> bool {
    let mut done = false;
    loop {
        match from.poll_output(buffer) {
            Output::Packet(packet) => to.handle_packet(packet).expect("the peer is genuine"),
            Output::KeyingMaterial(..) => done = true,
            Output::Timeout(_) => return done,
            _ => {}
        }
    }
}
