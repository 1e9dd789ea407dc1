//! Keys that the application asks for: statement 24.
use crate::{ms, secs};
use handclasp::plugin::Role;
use handclasp::stream::{Message, Notification};
use handclasp_tests::{
    Backend, Event, Journal, Party, Scripted, Side, World, built, for_each_backend, load, plugin,
};

const ENDED: &str = "the component has ended";

fn script() -> Scripted {
    Scripted::new()
        .with("EXPORT")
        .on("connection_ready", &["packet=?hello finish=keys"])
        .on("close", &["packet=?bye"])
}

fn ask(label: &str, context: Option<&str>, length: usize) -> Message {
    Message::ExportKey {
        component_id: 1,
        label: label.to_owned(),
        context: context.map(|context| context.as_bytes().to_vec()),
        length,
    }
}

/// All keys that came, in order.
fn keys(side: &Side) -> Vec<Vec<u8>> {
    let keys = side.log.iter().filter_map(|(_, event)| match event {
        Event::Said(Notification::ExportedKey { key, .. }) => Some(key.to_vec()),
        _ => None,
    });
    keys.collect()
}

/// What came of keys, and the end.
fn told(world: &World, side: usize) -> Vec<String> {
    world.sides[side].told(&["exported", "not_exported", "failed", "closed", "stopped"])
}

/// A connected pair, of which the first plays this script.
fn connected(backend: Backend, script: Scripted) -> (World, [Journal; 2]) {
    let ((a, journal_a), (b, journal_b)) = (script.party(), self::script().party());
    let mut world = World::pair(backend, &a, &b);
    world.connect();
    (world, [journal_a, journal_b])
}

#[test]
fn s24_both_sides_get_the_same_key_for_a_label_and_a_context() {
    for_each_backend(|backend| {
        let (mut world, [journal, _other]) = connected(backend, script());
        let asked = [
            ask("one", None, 32),
            ask("one", Some(""), 32),
            ask("one", Some("x"), 32),
            ask("two", None, 32),
            ask("one", None, 8160),
        ];
        for message in &asked {
            for side in [0, 1] {
                world.tell(side, message.clone()).expect("it has finished");
            }
        }
        world.run_for(secs(2));
        let [a, b] = [0, 1].map(|side| keys(&world.sides[side]));
        assert_eq!(a, b);
        let [plain, empty, full, other, long] = &a[..] else {
            panic!("five keys: {:?}", told(&world, 0));
        };
        for (at, key) in [plain, empty, full, other].into_iter().enumerate() {
            assert_eq!(key.len(), 32);
            assert!(!a[at + 1..4].contains(key), "they differ");
        }
        assert_eq!((long.len(), &long[..32]), (8160, &plain[..]));
        let exported = ["one 32", "one 32", "one 32", "two 32", "one 8160"];
        assert_eq!(
            told(&world, 0),
            exported.map(|it| format!("exported 1 {it}"))
        );
        let calls = journal.calls(1).into_iter();
        let calls: Vec<_> = calls.filter(|call| call.starts_with("exporter")).collect();
        let asked = [
            "one - 32",
            "one = 32",
            "one =x 32",
            "two - 32",
            "one - 8160",
        ];
        assert_eq!(calls, asked.map(|it| format!("exporter {it}")));
    });
}

#[test]
fn s24_a_key_is_refused_until_the_handshake_has_finished_and_after_its_end() {
    for_each_backend(|backend| {
        let ((a, journal), (b, _other)) = (script().party(), script().party());
        let mut world = World::pair(backend, &a, &b);
        let refused = |world: &mut World| {
            let refused = world.tell(0, ask("label", None, 32));
            refused.expect_err("there is no key").to_string()
        };
        let early = "the handshake of component 1 has not finished: wait for handshake_data";
        assert_eq!(refused(&mut world), early);
        world.connect();
        let absent = Message::ExportKey {
            component_id: 2,
            label: "label".to_owned(),
            context: None,
            length: 32,
        };
        let absent = world
            .tell(0, absent)
            .expect_err("there is none")
            .to_string();
        assert_eq!(absent, "there is no component 2: this stream has 1 to 1");
        world.tell(0, Message::Close).expect("it runs");
        let late = "component 1 has ended: start another stream";
        assert_eq!(refused(&mut world), late);
        world.run_for(secs(1));
        assert_eq!(refused(&mut world), late);
        assert_eq!(journal.count("exporter"), 0);
    });
}

#[test]
fn s24_a_plugin_that_exports_nothing_is_named() {
    let refusal = |party: &Party, other: &Party| {
        let mut world = World::pair(Backend::immediate(), party, other);
        world.connect();
        let refused = world.tell(0, ask("label", None, 32));
        refused.expect_err("there is no key").to_string()
    };
    let none = Party::new(plugin("none"));
    assert_eq!(
        refusal(&none, &none),
        "plugin none exports no keys: it does not have hc.export/1"
    );
    let at_once = || {
        let script = Scripted::new().with("EXPORT");
        script.on("init", &["finish"]).party()
    };
    let ((a, _journal), (b, _other)) = (at_once(), at_once());
    assert_eq!(
        refusal(&a, &b),
        "the handshake of component 1 finished in init and has no keys to export"
    );
}

#[test]
fn s24_a_key_that_the_plugin_does_not_serve_changes_nothing_else() {
    for_each_backend(|backend| {
        let script = script().on("exporter", &["answer=-6", "answer=-5", "answer=-7"]);
        let (mut world, _journals) = connected(backend, script);
        for label in ["unserved", "untimely", "broken", "served"] {
            world
                .tell(0, ask(label, None, 32))
                .expect("it has finished");
        }
        world.run_for(secs(2));
        let expected = [
            "not_exported 1 unserved: plugin scripted does not export this: see which labels, contexts and lengths it \
             serves",
            "not_exported 1 untimely: plugin scripted does not export this: it was called in a state it does not know",
            "not_exported 1 broken: plugin scripted does not export this: an internal error",
            "exported 1 served 32",
        ];
        assert_eq!(told(&world, 0), expected);
        world.send(0, 1, b"media");
        world.run_for(secs(1));
        assert!(world.sides[1].has("received 1 media"));
    });
}

#[test]
fn s24_an_exporter_that_breaks_the_contract_ends_its_component() {
    for (line, did) in [
        (
            "answer=77",
            "answered 77, which is no status of the contract",
        ),
        ("answer=1", "answered 1, which is no status of the contract"),
        (
            "null",
            "answered PENDING and left all of the 32 bytes that it was to fill zero",
        ),
        ("answer=-8", ""),
    ] {
        for_each_backend(|backend| {
            let (mut world, [journal, _other]) =
                connected(backend, script().on("exporter", &[line]));
            for label in ["first", "second"] {
                world.tell(0, ask(label, None, 32)).ok();
            }
            world.run_for(secs(2));
            let told = told(&world, 0);
            let failed = match did {
                "" => "failed 1 plugin scripted: exporter failed: it panicked, and it gave no reason; report this to \
                       the plugin's author"
                    .to_owned(),
                did => format!(
                    "failed 1 plugin scripted: exporter {did}; the instance was destroyed, report this to the plugin's \
                     author"
                ),
            };
            assert_eq!(told[0], format!("not_exported 1 first: {ENDED}"));
            assert_eq!(told.last(), Some(&failed));
            let life = [
                "init",
                "connection_ready",
                "recv_from_peer",
                "exporter",
                "destroy",
            ];
            let called = journal.names(1);
            assert!(called.iter().all(|call| life.contains(&call.as_str())));
            assert_eq!(called.last().map(String::as_str), Some("destroy"));
            assert_eq!(journal.count("exporter"), 1);
        });
    }
}

#[test]
fn s24_so_many_keys_wait_and_each_is_answered_once_whatever_ends_the_component() {
    type End = fn(&mut World);
    let close: End = |world| world.tell(0, Message::Close).expect("it runs");
    let stop: End = |world| world.tell(0, Message::Stop).expect("it runs");
    let replace: End = |world| {
        let message = Message::SetPeerInitData {
            component_id: 1,
            role: Role::Responder,
            init_data: b"another".to_vec(),
            association: None,
        };
        world.tell(0, message).expect("it is another association");
    };
    for (end, reason) in [
        (close, ENDED),
        (stop, ENDED),
        (replace, "another association has begun"),
    ] {
        for_each_backend(|backend| {
            let (mut world, _journals) = connected(backend, script());
            world.hold(0, "exporter", world.elapsed() + secs(5));
            for number in 0..16 {
                let message = ask(&format!("k{number}"), None, 32);
                world.tell(0, message).expect("there is room");
            }
            let refused = world.tell(0, ask("k16", None, 32)).expect_err("too many");
            assert_eq!(
                refused.to_string(),
                "16 keys of component 1 are being exported: wait for exported_key"
            );
            end(&mut world);
            world.run_for(secs(20));
            let answers: Vec<_> = told(&world, 0)
                .into_iter()
                .filter(|line| line.contains("exported"))
                .collect();
            assert_eq!(answers.len(), 16, "{answers:?}");
            for (number, answer) in answers.iter().enumerate() {
                let key = format!("exported 1 k{number} 32");
                let none = format!("not_exported 1 k{number}: {reason}");
                assert!(*answer == none || number == 0 && *answer == key, "{answer}");
            }
            let last = told(&world, 0).pop();
            let is_last = |line: &str| line.starts_with("closed") || line == "stopped";
            assert!(
                reason != ENDED || last.as_deref().is_some_and(is_last),
                "{last:?}"
            );
        });
    }
}

#[test]
fn s24_an_exporter_that_does_not_return_in_time_fails_its_component() {
    for_each_backend(|backend| {
        let (party, journal) = script().party();
        let impatient = Party {
            call_timeout: secs(2),
            ..party
        };
        let (b, _other) = script().party();
        let mut world = World::pair(backend, &impatient, &b);
        world.connect();
        world.hold(0, "exporter", world.elapsed() + secs(60));
        world
            .tell(0, ask("late", None, 32))
            .expect("it has finished");
        // Neither datagrams nor the application wait for it.
        world.send(0, 1, b"media");
        world.run_for(ms(1_000));
        assert!(world.sides[1].has("received 1 media"));
        world.run_for(secs(120));
        let expected = [
            format!("not_exported 1 late: {ENDED}"),
            "failed 1 plugin scripted: exporter has not returned within 2 s: tell its author, and run `handclasp check` \
             on it"
                .to_owned(),
        ];
        assert_eq!(told(&world, 0), expected);
        assert_eq!(journal.names(1).last().map(String::as_str), Some("destroy"));
    });
}

/// What TLS derives SRTP keys from, and all that `dtls-srtp` exports.
const SRTP: &str = "EXTRACTOR-dtls_srtp";

/// The bytes that are exported for the SRTP keys that a side agreed on.
fn srtp_bytes(side: &Side) -> usize {
    side.handshake_data(1).expect("it has finished").len() - 4
}

#[test]
fn s24_dtls_srtp_exports_what_srtp_keys_are_made_of_and_nothing_else() {
    for version in ["1.2", "1.3"] {
        for_each_backend(|backend| {
            let party = crate::dtls::dtls(version);
            let mut world = World::pair(backend, &party, &party);
            world.connect();
            let length = srtp_bytes(&world.sides[0]);
            for side in [0, 1] {
                for message in [
                    ask(SRTP, None, length),
                    ask(SRTP, Some(""), length),
                    ask("EXPORTER-other", None, length),
                ] {
                    world.tell(side, message).expect("it has finished");
                }
            }
            world.run_for(secs(1));
            let [a, b] = [0, 1].map(|side| keys(&world.sides[side]));
            assert_eq!((a.len(), a[0].len()), (1, length));
            assert_eq!(a, b);
            let why = "plugin dtls-srtp does not export this: see which labels, contexts and lengths it serves";
            let expected = [
                format!("exported 1 {SRTP} {length}"),
                format!("not_exported 1 {SRTP}: {why}"),
                format!("not_exported 1 EXPORTER-other: {why}"),
            ];
            assert_eq!(told(&world, 0), expected);
        });
    }
}

#[test]
fn s24_dtls_plugins_export_the_same_as_each_other() {
    let openssl = match built("dtls-openssl") {
        Ok(library) => load(&library),
        Err(lacking) => return handclasp_tests::skip("keys that dtls-openssl exports", &lacking),
    };
    let ours = crate::dtls::dtls("1.2");
    let theirs = Party::new(openssl);
    for pair in [[&ours, &theirs], [&theirs, &ours], [&theirs, &theirs]] {
        let mut world = World::pair(Backend::immediate(), pair[0], pair[1]);
        world.connect();
        let length = srtp_bytes(&world.sides[0]);
        for side in [0, 1] {
            world
                .tell(side, ask(SRTP, None, length))
                .expect("it has finished");
        }
        world.run_for(secs(1));
        let [a, b] = [0, 1].map(|side| keys(&world.sides[side]));
        assert_eq!((a.len(), a[0].len()), (1, length), "{:?}", told(&world, 0));
        assert_eq!(a, b);
    }
    let mut world = World::pair(Backend::immediate(), &theirs, &theirs);
    world.connect();
    for (label, context) in [
        ("EXPORTER-one", None),
        ("EXPORTER-one", Some("")),
        ("EXPORTER-one", Some("x")),
        ("EXPORTER-two", None),
    ] {
        for side in [0, 1] {
            let message = ask(label, context, 32);
            world.tell(side, message).expect("it has finished");
        }
    }
    world.run_for(secs(1));
    let [a, b] = [0, 1].map(|side| keys(&world.sides[side]));
    assert_eq!(a, b);
    assert_eq!(a.len(), 4, "{:?}", told(&world, 0));
    for (at, key) in a.iter().enumerate() {
        assert!(!a[at + 1..].contains(key), "they differ");
    }
}
