//! Sides behind NATs.
use crate::internet::{Internet, Nat, is_rebound};
use crate::run;
use crate::streams::{expect_connection, expect_data, start};
use handclasp_tests::processes::Side;
use std::thread;
use std::time::Duration;

#[test]
fn one_side_behind_any_nat_connects_without_help() {
    run("one side behind a NAT", || {
        for kind in [Nat::Cone, Nat::Symmetric] {
            let internet = Internet::new()?;
            let (private, public) = (internet.behind(kind, 11)?, internet.host(12)?);
            for controlling in Side::BOTH {
                expect_connection(&mut start([&private.host, &public], controlling, &[]));
            }
        }
        Ok(())
    });
}

#[test]
fn both_sides_behind_nats_fail_without_help_and_say_why() {
    run("both sides behind NATs, without STUN", || {
        let internet = Internet::new()?;
        let [a, b] = [
            internet.behind(Nat::Cone, 11)?,
            internet.behind(Nat::Cone, 12)?,
        ];
        let mut pair = start([&a.host, &b.host], Side::A, &["--ice-timeout", "3"]);
        for side in Side::BOTH {
            let failed = pair.expect(side, "component_state_failed");
            let reason = failed["reason"].as_str().expect("a sentence");
            assert!(
                reason.contains("1 host") && reason.contains("none was answered"),
                "{reason}"
            );
        }
        Ok(())
    });
}

#[test]
fn a_nat_that_forgets_its_mapping_does_not_end_the_stream() {
    run("a NAT rebinding", || {
        let internet = Internet::new()?;
        let cases = [(Side::A, 11, 12), (Side::B, 13, 14)];
        let mut sides = Vec::new();
        for (controlling, nat, host) in cases {
            sides.push((
                controlling,
                internet.behind(Nat::Cone, nat)?,
                internet.host(host)?,
            ));
        }
        thread::scope(|scope| {
            for (controlling, private, public) in &sides {
                scope.spawn(move || {
                    let mut pair = start([&private.host, public], *controlling, &[]);
                    expect_connection(&mut pair);
                    private.rebind();
                    expect_data(&mut pair, "after the rebinding", Duration::from_secs(60));
                    pair.expect_where(Side::B, "new_selected_pair", |event| {
                        event["remote"].as_str().is_some_and(is_rebound)
                    });
                });
            }
        });
        Ok(())
    });
}
