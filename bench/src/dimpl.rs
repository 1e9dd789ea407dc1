//! DTLS by dimpl in memory, linked statically: both ends, as the plugin `dtls-srtp` sets them up, with neither
//! ICE nor sockets nor a plugin boundary.
//!
//! A line with a count comes in; so many sessions later a line goes out with the nanoseconds of CPU time they
//! took. A session makes two ends with a fresh certificate each, shakes hands until both have keys, compares
//! them, and lets both say goodbye.
use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, Dtls, KeyingMaterial, Output};
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

/// More than any packet or certificate of a session.
const BUFFER: usize = 16 * 1024;

fn main() -> io::Result<()> {
    let config = Config::builder()
        .mtu(1200)
        .require_client_certificate(true)
        .use_server_cookie(false)
        .build()
        .expect("the settings are valid");
    let config = Arc::new(config);
    let mut buffer = vec![0; BUFFER];
    for line in io::stdin().lines() {
        let count: u32 = line?.parse().map_err(io::Error::other)?;
        let start = cpu_nanos();
        for _ in 0..count {
            session(&config, &mut buffer);
        }
        println!("{}", cpu_nanos() - start);
        io::stdout().flush()?;
    }
    Ok(())
}

fn session(config: &Arc<Config>, buffer: &mut [u8]) {
    let now = Instant::now();
    let (mut client, mut server) = (end(config, true, now), end(config, false, now));
    let (mut ours, mut theirs) = (None, None);
    while ours.is_none() || theirs.is_none() {
        ours = pump(&mut client, Some(&mut server), buffer).or(ours);
        theirs = pump(&mut server, Some(&mut client), buffer).or(theirs);
    }
    assert_eq!(ours.as_deref(), theirs.as_deref(), "the keys are the same");
    for end in [&mut client, &mut server] {
        end.close().expect("a session that stands can be closed");
        pump(end, None, buffer);
    }
}

fn end(config: &Arc<Config>, active: bool, now: Instant) -> Dtls {
    let certificate = generate_self_signed_certificate().expect("the system has randomness");
    let mut end = Dtls::new_auto(Arc::clone(config), certificate, now);
    end.set_active(active);
    end.handle_timeout(now).expect("an end can start");
    end
}

/// Carries what one end has to say to the other; returns its keys once it has them.
fn pump(from: &mut Dtls, mut to: Option<&mut Dtls>, buffer: &mut [u8]) -> Option<KeyingMaterial> {
    let mut keys = None;
    loop {
        match from.poll_output(buffer) {
            Output::Packet(packet) => {
                if let Some(to) = &mut to {
                    to.handle_packet(packet).expect("the peer is genuine");
                }
            }
            Output::KeyingMaterial(material, _) => keys = Some(material),
            Output::Timeout(_) => return keys,
            _ => {}
        }
    }
}

fn cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
