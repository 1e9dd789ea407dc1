//! Datagrams in a stream of bytes (RFC 4571), which whoever connects to a listener sends.
#![no_main]
use deframer::Deframer;
use libfuzzer_sys::fuzz_target;

// It is private to the host, and needs nothing of it.
#[allow(dead_code)] // what only writes
#[path = "../../src/net/deframer.rs"]
mod deframer;

fuzz_target!(|chunks: Vec<&[u8]>| {
    let stream = chunks.concat();
    let mut whole = Vec::new();
    let (mut deframer, mut rest) = (Deframer::default(), &stream[..]);
    while let Some(datagram) = deframer.next(&mut rest) {
        whole.push(datagram.to_vec());
    }
    assert!(rest.is_empty(), "what is left waits");
    let given: usize = whole.iter().map(|datagram| 2 + datagram.len()).sum();
    assert_eq!(deframer.waiting(), stream.len() - given);

    // However the stream is cut, the same comes out.
    let (mut deframer, mut cut) = (Deframer::default(), Vec::new());
    for mut chunk in chunks {
        while let Some(datagram) = deframer.next(&mut chunk) {
            cut.push(datagram.to_vec());
        }
    }
    assert_eq!(cut, whole);
    assert_eq!(deframer.waiting(), stream.len() - given);
});
