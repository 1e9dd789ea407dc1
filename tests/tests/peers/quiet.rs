//! Peers with nothing to say, for longer than a consent lasts.
use crate::contact::{Contact, HANDCLASP, PEER};
use crate::{aioice, libnice};
use handclasp_tests::skip;
use std::thread;

#[test]
fn a_quiet_stream_stays() {
    let cases = [HANDCLASP, PEER].map(|controlling| {
        [
            ("a quiet libnice", libnice::start(2, controlling)),
            ("a quiet aioice", aioice::start(2, controlling)),
        ]
    });
    thread::scope(|scope| {
        for (test, contact) in cases.into_iter().flatten() {
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
