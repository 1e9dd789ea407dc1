use handclasp::trace::{Direction, StunClass, Trace, What};
use std::fs;
use std::path::Path;

/// How many STUN messages of this class left, by the trace of one or more streams.
///
/// # Panics
/// There is no trace.
pub fn stun_sent(trace: &Path, class: StunClass) -> usize {
    let contents = fs::read(trace).expect("the trace is there");
    let trace = Trace::read(&*contents).unwrap_or_else(|error| panic!("{error}"));
    let is_one = |what: &What| match what {
        What::Datagram(datagram) if datagram.direction == Direction::Out => {
            let stun = datagram.stun.as_ref();
            stun.is_some_and(|stun| stun.class == class)
        }
        _ => false,
    };
    let sent = trace.records.iter().filter(|record| is_one(&record.what));
    sent.count()
}
