//! Calls that are away: overdue, abandoned, or late; statements 4, 12, 18 and 19.
use crate::{ms, secs};
use handclasp::plugin::{Call, Completion, Effects, InProcess, Outcome, Request};
use handclasp::stream::{Message, Stream};
use handclasp_tests::{Party, Scripted, Side, World, for_each_backend};
use std::sync::Arc;
use std::time::Instant;

const HELD: &str = "connection_ready has not returned within 2 s: tell its author, and run `handclasp check` on it";

#[test]
fn s18_a_call_that_does_not_return_in_time_fails_its_component_alone() {
    for_each_backend(|backend| {
        let (party, journal) = Scripted::new()
            .on("connection_ready", &["packet=?late finish=keys"])
            .party();
        let impatient = Party {
            call_timeout: secs(2),
            ..party
        };
        let (sound, _other) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        let mut world = World::pair(backend, &impatient, &sound);
        world.add(&sound, &sound);
        world.hold(0, "connection_ready", secs(60));
        world.run_for(secs(10));
        assert!(world.sides[1..].iter().all(Side::is_ready));
        let failed = format!("failed 1 plugin scripted: {HELD}");
        let told = |world: &World| world.sides[0].told(&["failed", "sent", "handshake_data"]);
        assert_eq!(told(&world), [failed.as_str()]);
        let (at, selected) = ("failed", "selected");
        let [at, selected] = [at, selected].map(|it| world.sides[0].when(it).expect("it was told"));
        assert_eq!(at - selected, secs(2));
        assert_eq!(journal.names(1), ["init"]);
        // What comes of it later is destroyed, and nothing is said of it.
        world.run_for(secs(60));
        assert_eq!(told(&world), [failed.as_str()]);
        assert_eq!(journal.names(1), ["init", "connection_ready", "destroy"]);
    });
}

#[test]
fn s19_a_close_that_does_not_return_in_time_is_a_warning() {
    for_each_backend(|backend| {
        let script = || {
            Scripted::new()
                .on("connection_ready", &["finish=keys"])
                .on("close", &["packet=?bye"])
                .party()
        };
        let ((party, journal), (peer, _other)) = (script(), script());
        let impatient = Party {
            call_timeout: secs(2),
            ..party
        };
        let mut world = World::pair(backend, &impatient, &peer);
        world.connect();
        world.hold(0, "close", world.elapsed() + secs(60));
        world.tell(0, Message::Close).expect("it runs");
        world.run_for(ms(1_999));
        assert_eq!(world.sides[0].count("closed"), 0);
        world.run_for(secs(120));
        let told = world.sides[0].told(&["warning", "closed", "failed", "sent"]);
        let expected = HELD.replace("connection_ready", "close");
        let expected = format!("warning plugin scripted: {expected}");
        assert_eq!(told, [expected.as_str(), "closed 1"]);
        let life = ["init", "connection_ready", "close", "destroy"];
        assert_eq!(journal.names(1), life);
    });
}

#[test]
fn s12_the_application_receives_nothing_before_its_component_is_ready() {
    for_each_backend(|backend| {
        let (a, _journal) = Scripted::new()
            .with("CLASSIFY")
            .on("recv_from_peer", &["packet=?answer finish=keys"])
            .party();
        let (b, _other) = Scripted::new()
            .with("CLASSIFY")
            .on(
                "connection_ready",
                &["packet=?last packet=?more finish=keys"],
            )
            .party();
        let mut world = World::pair(backend, &a, &b);
        world.until(secs(10), |world| world.sides[1].is_ready());
        for number in 0..20 {
            world.send(1, 1, format!("m{number}").as_bytes());
            world.run_for(ms(10));
        }
        world.run_for(secs(1));
        let told = world.sides[0].told(&["ready", "received"]);
        let data = (0..20).map(|number| format!("received 1 m{number}"));
        assert!(told[0].starts_with("ready 1"), "{told:?}");
        assert!(told[1..].iter().cloned().eq(data), "{told:?}");
    });
}

/// A stream, its calls, and what it has asked for.
struct Alone {
    stream: Stream,
    calls: InProcess,
    now: Instant,
}

impl Alone {
    fn new(party: &Party) -> Self {
        let now = Instant::now();
        Self {
            stream: party.stream(now, true).expect("it can be"),
            calls: InProcess::new(Arc::clone(&party.plugin)),
            now,
        }
    }

    fn asked(&mut self) -> Request {
        self.stream
            .poll_request(self.now)
            .expect("it asks for a call")
    }

    fn complete(&mut self, completion: Completion) {
        self.stream.handle_completion(self.now, completion);
    }

    fn stop(&mut self) {
        let stopped = self.stream.handle_message(self.now, Message::Stop);
        stopped.expect("it runs");
    }

    fn assert_silent(&mut self) {
        assert!(self.stream.poll_request(self.now).is_none());
    }
}

fn is_destroy(request: &Request) -> bool {
    matches!(request.call, Call::Destroy)
}

#[test]
fn s19_destroy_is_asked_for_once_and_when_the_call_has_come_back() {
    let (party, journal) = Scripted::new().party();
    let mut alone = Alone::new(&party);
    let init = alone.asked();
    alone.stop();
    alone.assert_silent();
    let completion = alone.calls.run(init, 0);
    assert!(completion.has_instance);
    alone.complete(completion);
    let destroy = alone.asked();
    assert!(is_destroy(&destroy), "{destroy:?}");
    let completion = alone.calls.run(destroy, 0);
    assert!(matches!(completion.outcome, Outcome::Gone) && !completion.has_instance);
    alone.complete(completion);
    alone.assert_silent();
    assert_eq!(journal.names(1), ["init", "destroy"]);
}

#[test]
fn s19_nothing_is_destroyed_where_nothing_was_made() {
    // Stopped before `init` was handed out.
    let (party, _journal) = Scripted::new().party();
    let mut alone = Alone::new(&party);
    alone.stop();
    alone.assert_silent();
    // `init` fails, before the end and after it.
    for stops in [false, true] {
        let (party, journal) = Scripted::new().on("init", &["answer=-7"]).party();
        let mut alone = Alone::new(&party);
        let init = alone.asked();
        if stops {
            alone.stop();
        }
        let completion = alone.calls.run(init, 0);
        assert!(!completion.has_instance);
        alone.complete(completion);
        alone.assert_silent();
        assert_eq!(journal.names(1), ["init"]);
    }
    // A worker that is gone took its instance along.
    let (party, _journal) = Scripted::new().party();
    let mut alone = Alone::new(&party);
    let init = alone.asked();
    let completion = alone.calls.run(init, 0);
    alone.complete(completion);
    alone.stop();
    let close = alone.asked();
    assert!(matches!(close.call, Call::Close), "{close:?}");
    alone.complete(close.gone());
    alone.assert_silent();
}

#[test]
fn s19_what_nobody_asked_for_changes_nothing() {
    let (party, _journal) = Scripted::new().party();
    let mut alone = Alone::new(&party);
    let init = alone.asked();
    let instance_id = init.instance_id;
    let completion = alone.calls.run(init, 0);
    alone.complete(completion);
    for outcome in [Outcome::Gone, Outcome::Closed, Outcome::Pending] {
        alone.complete(Completion {
            instance_id,
            has_instance: true,
            outcome,
            effects: Effects::default(),
        });
        alone.assert_silent();
    }
    alone.stop();
    assert!(matches!(alone.asked().call, Call::Close));
}

#[test]
fn s18_a_call_out_of_order_is_a_failure_and_no_crash() {
    let (party, journal) = Scripted::new().with("PEER").party();
    let mut alone = Alone::new(&party);
    let init = alone.asked();
    let instance_id = init.instance_id;
    let early = |call| Request { instance_id, call };
    let fails = |alone: &mut Alone, call| {
        let completion = alone.calls.run(early(call), 0);
        match completion.outcome {
            Outcome::Failed(failure) => {
                assert!(failure.to_string().contains("out of order"), "{failure}")
            }
            other => panic!("it went well: {other:?}"),
        }
        completion.has_instance
    };
    for call in [Call::ConnectionReady, Call::Close, Call::Destroy] {
        assert!(!fails(&mut alone, call), "there is none");
    }
    let completion = alone.calls.run(init, 0);
    alone.complete(completion);
    for call in [
        Call::ConnectionReady,
        Call::OnDeadline,
        Call::RecvFromPeer(b"?".to_vec()),
    ] {
        assert!(fails(&mut alone, call), "it waits for its peer");
    }
    assert_eq!(journal.names(1), ["init"]);
    let closed = alone.calls.run(early(Call::Close), 0);
    assert!(matches!(closed.outcome, Outcome::Closed) && closed.has_instance);
    assert!(
        fails(&mut alone, Call::OnWake),
        "it has said its last words"
    );
    alone.calls.run(early(Call::Destroy), 0);
    assert_eq!(journal.names(1), ["init", "close", "destroy"]);
}
