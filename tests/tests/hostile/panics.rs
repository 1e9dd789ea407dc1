//! A Rust plugin that panics, in each of its callbacks.
use crate::calls::consequence;
use crate::pair::{Pair, Report};
use crate::siblings;
use crate::support::{Workshop, sentence, text};
use handclasp::plugin::{
    Call, CallName, Failure, FailureKind, InProcess, Outcome, Plugin, Request, Role,
};
use handclasp::stream::{Message, Notification};
use std::sync::Arc;

/// Callbacks whose panic fails the instance, and the call that reports it.
const FATAL: &[(&str, CallName)] = &[
    ("init", CallName::Init),
    ("set_peer", CallName::SetPeer),
    ("connection_ready", CallName::ConnectionReady),
    // It has no status of its own: the call that follows speaks for it.
    ("is_handshake", CallName::RecvFromPeer),
    ("recv_from_peer", CallName::RecvFromPeer),
    ("on_deadline", CallName::OnDeadline),
    ("on_wake", CallName::OnWake),
];

fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.add_panics();
    workshop
}

fn words(place: &str) -> String {
    format!("the plugin panicked: in {place}, as it was told to")
}

fn report(place: &str, call: CallName) -> String {
    let (words, consequence) = (words(place), consequence(call));
    let call = call.as_str();
    format!("plugin panics: {call}: {words}; {consequence}, report this to the plugin's author")
}

/// Carries out one call; what is left of an instance that has failed is destroyed.
fn call(calls: &mut InProcess, call: Call) -> Result<Outcome, Failure> {
    let mut run = |call| {
        let request = Request {
            instance_id: 1,
            call,
        };
        calls.run(request, 0)
    };
    let completion = run(call);
    match completion.outcome {
        Outcome::Failed(failure) => {
            if completion.has_instance {
                run(Call::Destroy);
            }
            Err(failure)
        }
        outcome => Ok(outcome),
    }
}

/// A handshake to its finish, with every callback there is.
fn finish(workshop: &Workshop, plugin: &Arc<Plugin>, place: &str) -> Result<InProcess, Failure> {
    let options = [("in".to_owned(), place.to_owned())];
    let parameters = workshop.parameters(plugin, &options);
    let mut calls = InProcess::new(Arc::clone(plugin));
    for each in [
        Call::Init(parameters),
        Call::SetPeer(Role::Initiator, b"hello".to_vec()),
        Call::ConnectionReady,
        Call::OnWake,
        Call::OnDeadline,
    ] {
        let outcome = call(&mut calls, each)?;
        assert!(matches!(outcome, Outcome::Pending), "{outcome:?}");
    }
    // A panic claims the datagram, to be reported.
    let outcome = call(&mut calls, Call::RecvFromPeer(b"!".to_vec()))?;
    assert!(matches!(outcome, Outcome::Finished(_)), "{outcome:?}");
    Ok(calls)
}

#[test]
fn a_panic_is_the_failure_of_its_call() {
    for &(place, name) in FATAL {
        let workshop = workshop();
        let plugin = workshop
            .loader()
            .load("panics")
            .expect("it panics when called");
        let failure = finish(&workshop, &plugin, place).expect_err(place);
        assert_eq!((failure.call, failure.kind), (name, FailureKind::Panic));
        assert_eq!(failure.detail, Some(words(place)));
        assert_eq!(failure.to_string(), report(place, name));
        assert_eq!(workshop.instances(), 1, "{place}");
    }
}

#[test]
fn a_panic_in_export_is_reported_and_the_next_call_says_why() {
    let workshop = workshop();
    let plugin = workshop
        .loader()
        .load("panics")
        .expect("it panics when called");
    let mut calls = finish(&workshop, &plugin, "export").expect("it panics only in export");
    let failure = calls
        .export(1, b"label", None, &mut [0; 4])
        .expect_err("it panics");
    assert_eq!(
        (failure.call, failure.kind),
        (CallName::Exporter, FailureKind::Panic)
    );
    let failure = call(&mut calls, Call::OnDeadline).expect_err("it has panicked");
    assert_eq!(failure.detail, Some(words("export")));
    assert_eq!(workshop.instances(), 1);
}

#[test]
fn a_panic_at_the_end_harms_nobody() {
    for place in ["close", "drop"] {
        let workshop = workshop();
        let plugin = workshop
            .loader()
            .load("panics")
            .expect("it panics when called");
        let mut calls = finish(&workshop, &plugin, place).expect("the handshake itself is sound");
        let closed = call(&mut calls, Call::Close)
            .map(|_| ())
            .map_err(|failure| failure.to_string());
        drop(calls);
        let expected = match place {
            "close" => Err(report(place, CallName::Close)),
            _ => Ok(()),
        };
        assert_eq!(closed, expected);
        assert_eq!(workshop.instances(), 1, "{place}");
    }
}

#[test]
fn other_components_and_streams_go_on() {
    for &(place, name) in FATAL {
        let workshop = workshop();
        let in_init = name == CallName::Init;
        let sentence = report(place, name);
        siblings::go_on(
            &workshop,
            "panics",
            &[("in", place)],
            Some(&sentence),
            in_init,
        );
        // An instance that panics in `init` is made and destroyed by the plugin itself.
        let made = if in_init { 4 } else { 6 };
        assert_eq!(workshop.instances(), made, "{place}");
    }
    for place in ["export", "close", "drop"] {
        let workshop = workshop();
        siblings::go_on(&workshop, "panics", &[("in", place)], None, false);
        assert_eq!(workshop.instances(), 6, "{place}");
    }
}

#[test]
fn a_panic_in_close_is_a_warning() {
    let workshop = workshop();
    let host = workshop.host();
    let mut pair = Pair::of(&workshop, &host, "panics", 1, &[("in", "close")]);
    pair.get_ready(1);
    pair.tell(0, Message::Close);
    let mut warned = false;
    pair.run_until("closed component", |side, report| match report {
        _ if side == 1 => false,
        Report::Notification(Notification::Warning { warning }) => {
            assert_eq!(*warning, self::report("close", CallName::Close));
            warned = true;
            false
        }
        Report::Notification(Notification::ComponentClosed { by_peer, .. }) => !by_peer,
        _ => false,
    });
    assert!(warned);
    drop((pair, host));
    assert_eq!(workshop.instances(), 2);
}

#[test]
fn the_demo_fails_with_the_same_sentence() {
    for &(place, name) in FATAL.iter().chain(&[("close", CallName::Close)]) {
        let workshop = workshop();
        let demo = workshop.demo("panics", &[&format!("in={place}")]);
        let code = if name == CallName::Init { 3 } else { 1 };
        assert_eq!(
            demo.status.code(),
            Some(code),
            "{place}: {}",
            text(&demo.stdout)
        );
        let sentence = sentence(&demo);
        assert!(sentence.ends_with(&report(place, name)), "{sentence}");
        // The process ends with the first failure, perhaps while the other side's `init` still runs.
        if name != CallName::Init {
            assert_eq!(workshop.instances(), 2, "{place}");
        }
    }
}

#[test]
fn the_demo_survives_what_it_cannot_see() {
    for place in ["export", "drop"] {
        let workshop = workshop();
        let demo = workshop.demo("panics", &[&format!("in={place}")]);
        assert_eq!(
            demo.status.code(),
            Some(0),
            "{place}: {}",
            text(&demo.stderr)
        );
        assert_eq!(workshop.instances(), 2, "{place}");
    }
}
