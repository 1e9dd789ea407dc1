//! What a broken plugin leaves alone: its own other components, and other streams of the process.
use crate::calls;
use crate::pair::{Pair, failure, is_ready};
use crate::support::Workshop;
use handclasp::plugin::CallName;

/// Two streams of two components in which the plugin breaks component 1, beside two sound streams.
///
/// `sentence` is the failure expected, if any; one of `init` takes its stream with it, and no other.
pub(crate) fn go_on(
    workshop: &Workshop,
    plugin: &str,
    options: &[(&str, &str)],
    sentence: Option<&str>,
    in_init: bool,
) {
    workshop.compile("sound", &[]);
    let host = workshop.host();
    let mut sibling = Pair::of(workshop, &host, "sound", 1, &[]);
    sibling.get_ready(1);
    let mut pair = Pair::of(workshop, &host, plugin, 2, options);
    let mut failed = sentence.is_none();
    let mut waiting = vec![(0, 2), (1, 2)];
    if sentence.is_none() {
        waiting.extend([(0, 1), (1, 1)]);
    }
    pair.run_until(
        "end of component 1 and start of component 2",
        |side, report| {
            if let Some(reason) = failure(report, 1) {
                assert_eq!(Some(reason.as_str()), sentence);
                failed = true;
            }
            if let Some(reason) = failure(report, 2) {
                assert!(in_init, "{plugin}: {reason}");
                assert_eq!(reason, "component 1 could not start");
            }
            waiting.retain(|&(of, id)| {
                let over = is_ready(report, id) || (in_init && failure(report, id).is_some());
                of != side || !over
            });
            failed && waiting.is_empty()
        },
    );
    if !in_init {
        pair.exchange(2);
    }
    sibling.exchange(1);
}

#[test]
fn other_components_and_streams_go_on() {
    for broken in calls::ALL {
        let workshop = Workshop::new();
        workshop.compile(broken.fixture, &[]);
        let in_init = broken.call == CallName::Init;
        go_on(
            &workshop,
            &broken.id(),
            &[],
            Some(&broken.sentence()),
            in_init,
        );
        let made = if in_init { 2 } else { 6 };
        assert_eq!(workshop.instances(), made, "{}", broken.fixture);
    }
}
