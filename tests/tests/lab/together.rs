//! Both sides on one segment.
use crate::run;
use crate::segment::Segment;
use crate::streams::{expect_connection, start};
use handclasp_tests::processes::Side;

const DTLS: [&str; 2] = ["--plugin", "dtls-srtp"];

#[test]
fn over_ipv4() {
    connect(
        "a segment with IPv4",
        [&["10.77.0.1/24"], &["10.77.0.2/24"]],
    );
}

#[test]
fn over_ipv6() {
    connect(
        "a segment with IPv6",
        [&["fd77::1/64 nodad"], &["fd77::2/64 nodad"]],
    );
}

#[test]
fn over_either() {
    connect(
        "a segment with IPv4 and IPv6",
        [
            &["10.77.0.1/24", "fd77::1/64 nodad"],
            &["10.77.0.2/24", "fd77::2/64 nodad"],
        ],
    );
}

/// One has both, and the other one of the two.
#[test]
fn over_the_only_common_one() {
    connect(
        "a segment with IPv6 on one side only",
        [&["10.77.0.1/24", "fd77::1/64 nodad"], &["fd77::2/64 nodad"]],
    );
}

fn connect(test: &str, addresses: [&[&str]; 2]) {
    run(test, || {
        let segment = Segment::new(addresses)?;
        let [a, b] = &segment.hosts;
        for controlling in Side::BOTH {
            expect_connection(&mut start([a, b], controlling, &DTLS));
        }
        Ok(())
    });
}
