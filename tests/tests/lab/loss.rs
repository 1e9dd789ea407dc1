//! Datagrams that the network loses.
use crate::internet::filter;
use crate::run;
use crate::segment::Segment;
use crate::streams::{expect_connection, start};
use handclasp_tests::need;
use handclasp_tests::processes::Side;
use std::thread;

const PAIRS: usize = 20;

#[test]
fn twenty_of_twenty_connect_where_a_fifth_is_lost_each_way() {
    run("a fifth of all datagrams lost", || {
        need("nft", "nftables")?;
        let segment = Segment::new([&["10.77.0.1/24"], &["10.77.0.2/24"]])?;
        for host in &segment.hosts {
            filter(host, LOSS);
        }
        let [a, b] = &segment.hosts;
        thread::scope(|scope| {
            for pair in 0..PAIRS {
                let controlling = Side::BOTH[pair % 2];
                let mut pair = start([a, b], controlling, &["--plugin", "dtls-srtp"]);
                scope.spawn(move || expect_connection(&mut pair));
            }
        });
        Ok(())
    });
}

const LOSS: &str = "
    table inet loss {
        chain arriving {
            type filter hook input priority filter;
            meta l4proto udp numgen random mod 1000 < 200 drop
        }
    }";
