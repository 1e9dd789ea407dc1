//! A host that changes its address while a stream is running.
use crate::run;
use crate::segment::Segment;
use crate::streams::{expect_connection, expect_data, start};
use handclasp_tests::processes::Side;
use serde_json::json;
use std::thread;
use std::time::Duration;

/// Of both ends' 8 s of doubt and what follows, on a busy machine.
const RECOVERY: Duration = Duration::from_secs(60);

#[test]
fn a_stream_outlives_its_own_address_and_its_peers() {
    run("a switch of networks", || {
        let addresses: [&[&str]; 2] = [&["10.77.0.1/24"], &["10.77.0.2/24"]];
        let segments = [Segment::new(addresses)?, Segment::new(addresses)?];
        thread::scope(|scope| {
            for (segment, controlling) in segments.iter().zip(Side::BOTH) {
                scope.spawn(move || switch(segment, controlling));
            }
        });
        Ok(())
    });
}

fn switch(segment: &Segment, controlling: Side) {
    let [a, b] = &segment.hosts;
    let mut pair = start([a, b], controlling, &[]);
    expect_connection(&mut pair);
    a.run(
        "ip address delete 10.77.0.1/24 dev near
         ip address add 10.77.0.3/24 dev near",
    );
    pair.send(Side::A, &json!({"message": "gather_candidates"}));
    expect_data(&mut pair, "after the switch", RECOVERY);
}

#[test]
fn gathering_while_there_is_no_address_ends_nothing() {
    run(
        "an interface that is without an address for a while",
        || {
            let segment = Segment::new([&["10.77.0.1/24"], &["10.77.0.2/24"]])?;
            let [a, b] = &segment.hosts;
            let mut pair = start([a, b], Side::A, &["--interface", "near"]);
            expect_connection(&mut pair);
            a.run("ip address delete 10.77.0.1/24 dev near");
            // What was seen of the addresses when candidates were gathered is not believed any more.
            thread::sleep(Duration::from_millis(1500));
            pair.send(Side::A, &json!({"message": "gather_candidates"}));
            let warning = pair.expect(Side::A, "warning");
            let warning = warning["warning"].as_str().expect("a sentence");
            assert!(warning.contains("no address"), "{warning}");
            a.run("ip address add 10.77.0.1/24 dev near");
            expect_data(&mut pair, "after the gap", RECOVERY);
            Ok(())
        },
    );
}
