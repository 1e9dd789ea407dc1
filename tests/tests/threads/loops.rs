//! An event loop that has panicked.
use crate::alone;
use crate::streams::{Streams, options};
use handclasp::stream::Message;
use handclasp::{OpenError, PostError};
use handclasp_tests::await_that;

#[test]
fn a_loop_that_has_panicked_takes_no_new_streams() {
    let _alone = alone();
    let streams = Streams::new(2);
    let ended = streams.open_panicking();
    // Whatever comes first notices it.
    await_that("the loop's end is noticed", || {
        ended.send(Message::GatherCandidates) == Err(PostError::Ended)
    });
    ended.outbox().flush();
    let sound = options("none", &[]);
    let others: Vec<_> = (0..6).map(|number| streams.open(number, &sound)).collect();
    let mut started: Vec<_> = others.iter().map(|_| streams.expect_started()).collect();
    started.sort_unstable();
    assert_eq!(started, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_host_without_loops_says_so() {
    let _alone = alone();
    let streams = Streams::new(1);
    let ended = streams.open_panicking();
    await_that("the loop's end is noticed", || {
        ended.send(Message::GatherCandidates) == Err(PostError::Ended)
    });
    let refused = streams.try_open(0, &options("none", &[]));
    assert!(matches!(refused, Err(OpenError::Ended)), "{refused:?}");
}
