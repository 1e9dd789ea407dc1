//! Datagrams that the system refuses to send.
use crate::internet::filter;
use crate::run;
use crate::segment::Segment;
use crate::streams::start;
use handclasp_tests::need;
use handclasp_tests::processes::Side;

/// Checks of ICE leave, a handshake's packets do not.
const SHORT_ONES_ONLY: &str = "
    table inet firewall {
        chain leaving {
            type filter hook output priority filter;
            meta l4proto udp udp length > 160 drop
        }
    }";

#[test]
fn a_handshake_whose_packets_the_system_refuses_is_told_of() {
    run("packets that the system refuses", || {
        need("nft", "nftables")?;
        let segment = Segment::new([&["10.77.0.1/24"], &["10.77.0.2/24"]])?;
        let [a, b] = &segment.hosts;
        filter(a, SHORT_ONES_ONLY);
        let mut pair = start([a, b], Side::A, &["--plugin", "dtls-srtp"]);
        let warning = pair.expect(Side::A, "warning")["warning"].to_string();
        assert!(warning.contains("of the handshake's w"), "{warning}");
        assert!(warning.contains("not sent: the system"), "{warning}");
        Ok(())
    });
}
