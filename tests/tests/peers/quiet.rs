//! Peers with nothing to say, for longer than a consent lasts.
use crate::contact::{Contact, HANDCLASP, PEER};
use crate::nice_peer::nice_peer;
use crate::{aioice, libnice, lite};
use handclasp_tests::skip;
use std::process::Command;
use std::thread;

#[test]
fn a_quiet_stream_stays() {
    let cases = [HANDCLASP, PEER].map(|controlling| {
        [
            ("a quiet libnice", libnice::start(2, controlling)),
            ("a quiet aioice", aioice::start(2, controlling)),
        ]
    });
    let with_lite = [
        (
            "a quiet libnice and a lite side",
            nice_peer().map(Command::new),
        ),
        ("a quiet aioice and a lite side", aioice::peer()),
    ]
    .map(|(test, peer)| (test, peer.and_then(|peer| lite::start(peer, 2, &[]))));
    thread::scope(|scope| {
        for (test, contact) in cases.into_iter().flatten().chain(with_lite) {
            match contact {
                Ok(contact) => _ = scope.spawn(|| stay(contact)),
                Err(lacking) => skip(test, &lacking),
            }
        }
    });
}

fn stay(mut contact: Contact) {
    contact.expect_ready();
    contact.expect_quiet();
    contact.exchange("after a silence");
    contact.part();
}
