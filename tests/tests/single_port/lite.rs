//! A server as a public one is: lite, all of its streams on one port, their peers full.
use crate::crowd::Crowd;
use crate::streams::{End, Streams};
use crate::{LOOPS, alone};
use handclasp::trace::{StunClass, TraceFile};
use handclasp_tests::stun_sent;

const STREAMS: usize = 50;

#[test]
fn full_peers_connect_to_lite_streams_on_one_port() {
    let _alone = alone();
    for loops in LOOPS {
        connect(loops);
    }
}

fn connect(loops: usize) {
    let file = tempfile::NamedTempFile::new().expect("the temporary directory is writable");
    let trace = TraceFile::create(file.path()).unwrap_or_else(|error| panic!("{error}"));
    let streams = Streams::open_with(loops, "dtls-srtp", STREAMS, |end, options| match end {
        End::Server => options.ice_lite(true).recorder(trace.recorder("server")),
        End::Peer => options,
    });
    Crowd::connect(streams, STREAMS, 1).exchange();
    drop(trace);
    let [requests, responses] =
        [StunClass::Request, StunClass::Success].map(|class| stun_sent(file.path(), class));
    assert!(responses >= STREAMS, "they answer");
    assert!(requests >= STREAMS, "and see whether their peers are there");
}
