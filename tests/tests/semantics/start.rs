//! Start: statements 1 to 5, and 27.
use crate::{ms, secs};
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::stream::Message;
use handclasp::{Application, Context, Host, HostOptions, StreamOptions};
use handclasp_tests::{Backend, Party, Scripted, World, fixture, for_each_backend, plugin};

#[test]
fn s01_init_runs_once_for_each_component_in_order_before_candidates() {
    for_each_backend(|backend| {
        let (party, journal) = Scripted::new().party();
        let (peer, _other) = Scripted::new().party();
        let mut world = World::pair(backend, &party.components(3), &peer.components(3));
        world.run_for(secs(5));
        let inits: Vec<_> = journal.entries().into_iter().take(3).collect();
        assert_eq!(
            inits.iter().map(|e| e.component).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_eq!(journal.count("init"), 3);
        let candidate = world.sides[0].when("candidate").expect("candidates follow");
        assert!(inits.iter().all(|init| init.now <= candidate));
        assert_eq!(journal.check(), 3);
    });
}

#[test]
fn s02_init_data_then_credentials_then_candidates() {
    for_each_backend(|backend| {
        let script = || Scripted::new().on("init", &["init_data=abc"]).party();
        let ((party, _journal), (peer, _other)) = (script(), script());
        let mut world = World::pair(backend, &party.components(2), &peer.components(2));
        world.run_for(secs(5));
        let told = world.sides[0].told(&["init_data", "credentials", "candidate", "gathered"]);
        let expected = [
            "init_data 1 abc",
            "init_data 2 abc",
            "credentials",
            "candidate 1",
            "candidate 2",
            "gathered",
        ];
        assert_eq!(told, expected);
    });
}

#[test]
fn s03_a_handshake_that_finishes_in_init_is_over() {
    for (line, life) in [
        ("init_data=abc finish", vec!["init", "destroy"]),
        ("finish null", vec!["init"]),
    ] {
        for_each_backend(|backend| {
            let (party, journal) = Scripted::new().with("CLASSIFY").on("init", &[line]).party();
            let (peer, _other) = Scripted::new().on("init", &["finish"]).party();
            let mut world = World::pair(backend, &party, &peer);
            world.connect();
            world.send(0, 1, b"there");
            world.send(1, 1, b"?and back"); // a handshake's by its first byte, but there is none any more
            world.run_for(secs(1));
            assert!(world.sides[1].has("received 1 there"));
            assert!(world.sides[0].has("received 1 ?and back"));
            assert_eq!(
                world.sides[0].told(&["handshake_data", "ready"]),
                ["ready 1"]
            );
            assert_eq!(journal.names(1), life);
        });
    }
}

#[test]
fn s04_a_slow_init_stops_no_other_stream() {
    for_each_backend(|backend| {
        let (party, _journal) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        let mut world = World::pair(backend, &party, &party);
        world.add(&party, &party);
        world.hold(0, "init", secs(10));
        world.run_for(secs(5));
        assert!(world.sides[2].is_ready() && world.sides[3].is_ready());
        assert_eq!(world.sides[0].story(), ["remote_candidate 1"]);
        world.connect();
        assert!(world.sides[0].when("init_data 1") >= Some(secs(10)));
    });
}

#[test]
fn s04_an_init_may_take_longer_than_ice() {
    for_each_backend(|backend| {
        let (party, _journal) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        let patient = Party {
            init_timeout: secs(200),
            ..party
        };
        let mut world = World::pair(backend, &patient, &patient);
        world.hold(0, "init", secs(100));
        world.run_for(secs(100));
        world.connect();
    });
}

#[test]
fn s04_an_init_that_does_not_return_in_time_fails_its_stream_alone() {
    for_each_backend(|backend| {
        let (party, journal) = Scripted::new().party();
        let (sound, _other) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        let impatient = Party {
            init_timeout: secs(5),
            ..party.components(2)
        };
        let mut world = World::pair(backend, &impatient, &sound);
        world.add(&sound, &sound);
        world.hold(0, "init", secs(60));
        world.run_for(ms(4_999));
        assert!(world.sides[2].is_ready() && world.sides[3].is_ready());
        assert_eq!(world.sides[0].count("failed"), 0);
        world.run_for(ms(2));
        let expected = [
            "failed 1 plugin scripted: init has not returned within 5 s: see what it waits for, or allow it more \
             (init_timeout)",
            "failed 2 component 1 could not start",
            "stopped",
        ];
        assert_eq!(world.sides[0].told(&["failed", "stopped"]), expected);
        // What comes of it later is destroyed, and nothing is said of it.
        world.run_for(secs(120));
        assert_eq!(world.sides[0].told(&["failed", "stopped"]), expected);
        assert_eq!(journal.names(1), ["init", "destroy"]);
    });
}

#[test]
fn s19_a_stop_does_not_wait_for_init() {
    for message in [Message::Stop, Message::Close] {
        for_each_backend(|backend| {
            let (party, journal) = Scripted::new().party();
            let (peer, _other) = Scripted::new().party();
            let mut world = World::pair(backend, &party, &peer);
            world.hold(0, "init", secs(20));
            world.run_for(secs(1));
            world.tell(0, message.clone()).expect("it runs");
            let expected: &[_] = match message {
                Message::Stop => &["closed 1", "stopped"],
                _ => &["closed 1"],
            };
            assert_eq!(
                world.sides[0].told(&["closed", "failed", "stopped"]),
                expected
            );
            world.run_for(secs(40));
            assert_eq!(
                world.sides[0].told(&["closed", "failed", "stopped"]),
                expected
            );
            assert_eq!(journal.names(1), ["init", "destroy"]);
        });
    }
}

#[test]
fn s04_a_failed_init_fails_its_stream_alone() {
    for_each_backend(|backend| {
        let (party, journal) = Scripted::new()
            .on(
                "init",
                &["only=2 answer=-7 say=the token is not plugged in"],
            )
            .party();
        let (sound, _other) = Scripted::new()
            .on("connection_ready", &["finish=keys"])
            .party();
        let mut world = World::pair(backend, &party.components(3), &sound);
        world.add(&sound, &sound);
        world.run_for(secs(5));
        let expected = [
            "init_data 1",
            "failed 2 plugin scripted: init: the token is not plugged in",
            "failed 1 component 2 could not start",
            "failed 3 component 2 could not start",
        ];
        assert_eq!(
            world.sides[0].told(&["init_data", "credentials", "failed"]),
            expected
        );
        assert_eq!(
            (journal.count("init"), journal.check()),
            (2, 1),
            "{:?}",
            journal.entries()
        );
        assert_eq!(journal.names(1), ["init", "destroy"]);
        assert!(world.sides[2].is_ready() && world.sides[3].is_ready());
    });
}

#[test]
fn s05_init_is_told_component_count_mtu_and_options() {
    let (party, journal) = Scripted::new().party();
    let mut party = party.components(2).option("number", "0x2a");
    party.mtu = 1111;
    let mut world = World::pair(Backend::immediate(), &party, &party);
    world.run_for(ms(1));
    let stream = world.sides[0].stream.id();
    let told: Vec<_> = journal
        .entries()
        .into_iter()
        .map(|entry| (entry.component, entry.about))
        .take(2)
        .collect();
    let about = format!("stream={stream} count=2 mtu=1111 number=42");
    assert_eq!(told, [(1, about.clone()), (2, about)]);
}

#[test]
fn s05_options_are_validated_before_init() {
    let (party, journal) = Scripted::new().party();
    let directory = fixture("scripted", &[]);
    let directory = directory.parent().expect("it is in a directory").to_owned();
    let plugins = SearchPath::from_dirs(vec![directory]).expect("it is there");
    let host_options = HostOptions::new(plugins).scanner(Scanner::none()).loops(1);
    let host = Host::new(host_options).expect("a host");
    let open = |wrong: &[(&str, &str)], keep: usize| {
        let options = StreamOptions::new("scripted")
            .plugin_options(party.options[..keep].to_vec())
            .plugin_options(wrong.iter().copied());
        host.open(options, Box::new(Nobody))
            .expect_err("refused")
            .to_string()
    };
    assert!(open(&[("number", "seven")], 1).contains("`number`"));
    assert!(open(&[("numbre", "7")], 1).contains("did you mean"));
    assert!(open(&[("number", "1"), ("number", "2")], 1).contains("more than once"));
    assert!(open(&[], 0).contains("is required"));
    assert!(journal.entries().is_empty());
}

struct Nobody;

impl Application for Nobody {
    fn notify(&mut self, _: &mut Context<'_>, _: handclasp::stream::Notification) {}
    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

#[test]
fn s27_the_default_handshake_is_none_which_finishes_in_init() {
    let default = format!("{:?}", StreamOptions::default());
    assert!(
        default.starts_with("StreamOptions { plugin: \"none\","),
        "{default}"
    );
    for_each_backend(|backend| {
        let none = Party::new(plugin("none"));
        let mut world = World::pair(backend, &none, &none);
        world.connect();
        assert_eq!(
            world.sides[0].told(&["init_data", "handshake_data", "ready"]),
            ["init_data 1", "ready 1"]
        );
    });
}
