//! New generations that are tried first.
use super::swap::{directory, exchange, version};
use handclasp_tests::{Controller, Daemon, fixture, free_tcp_address, http};
use serde_json::{Value, json};

const CONFIGURATION: &str = "
plugins.default = \"greeting\"
[plugins.canary]
share = \"25%\"
margin = \"10%\"
min-streams = 10
duration = \"1s\"
";

/// Two daemons, of which only the first one's plugin changes, and streams between them.
struct Pairs {
    ours: Controller,
    theirs: Controller,
    opened: u32,
}

/// What an event of one side's is to the other.
fn for_peer(event: &Value, role: &str) -> Option<Value> {
    let mut message = event.clone();
    let fields = message.as_object_mut()?;
    fields.remove("event");
    fields.remove("stream");
    let name = match event["event"].as_str()? {
        "handshake_init_data" => {
            fields.insert("role".to_owned(), role.into());
            "set_peer_init_data"
        }
        "local_credentials" => "set_remote_credentials",
        "new_candidate_full" => "set_remote_candidate",
        "candidate_gathering_done" => "peer_candidate_gathering_done",
        _ => return None,
    };
    fields.insert("message".to_owned(), name.into());
    Some(message)
}

/// Tells the other side all that one says of a stream before it waits for its peer.
fn tell(from: &mut Controller, of: &str, to: &mut Controller, name: &str, role: &str) {
    loop {
        let event = from.event(|event| event["stream"] == of);
        if let Some(mut message) = for_peer(&event, role) {
            message["stream"] = name.into();
            to.send(&message);
        }
        if event["event"] == "candidate_gathering_done" {
            return;
        }
    }
}

impl Pairs {
    /// Opens one more stream, with a peer of its own at the other daemon; returns its generation and whether it got
    /// ready.
    fn open(&mut self) -> (u64, bool) {
        self.opened += 1;
        let name = format!("s{}", self.opened);
        let open =
            |controlling| json!({"request": "open", "name": name, "controlling": controlling});
        let opened = self.ours.ask(&open(true));
        let generation = opened["generation"]
            .as_u64()
            .unwrap_or_else(|| panic!("{opened}"));
        self.theirs.ask(&open(false));
        tell(&mut self.ours, &name, &mut self.theirs, &name, "responder");
        tell(&mut self.theirs, &name, &mut self.ours, &name, "initiator");
        let ended = self.ours.event(|event| {
            let is_end = event["event"] == "component_state_ready"
                || event["event"] == "component_state_failed";
            is_end && event["stream"] == name.as_str()
        });
        for side in [&mut self.ours, &mut self.theirs] {
            side.send(&json!({"stream": name, "message": "stop"}));
            side.event(|event| event["event"] == "stopped" && event["stream"] == name.as_str());
        }
        (generation, ended["event"] == "component_state_ready")
    }
}

#[test]
fn one_that_fails_goes_back_by_itself_and_costs_its_own_streams_only_and_one_that_does_well_takes_all()
 {
    let (directory, file) = directory();
    let address = free_tcp_address();
    let configuration = format!("metrics.listen = \"{address}\"\n{CONFIGURATION}");
    let daemon = Daemon::start(directory.path(), &configuration);
    let trials = || {
        ["back", "promoted"].map(|outcome| {
            let labels = format!("{{outcome=\"{outcome}\",plugin=\"greeting\"}}");
            http::metric(address, &format!("handclasp_canary_outcomes_total{labels}"))
                .unwrap_or_default()
        })
    };
    let current = || {
        let name = "handclasp_plugin_current_generation{plugin=\"greeting\"}";
        http::metric(address, name)
    };
    assert_eq!((trials(), current()), ([0.0, 0.0], Some(1.0)));
    let (elsewhere, _) = super::swap::directory();
    let other = Daemon::start(elsewhere.path(), "plugins.default = \"greeting\"");
    let mut news = daemon.controller();
    let events = ["generation_loaded", "canary_went_back", "canary_promoted"];
    news.ask(&json!({"request": "subscribe", "events": events}));
    let mut pairs = Pairs {
        ours: daemon.controller(),
        theirs: other.controller(),
        opened: 0,
    };
    let running = pairs.ours.pair(&json!({}));
    exchange(
        &fixture("greeting", &["VERSION=\"3.0.0\"", "REJECTS"]),
        &file,
    );
    let loaded = news.event(|event| event["event"] == "generation_loaded");
    assert_eq!(
        (&loaded["generation"], &loaded["canary"]),
        (&json!(2), &json!(true))
    );
    let mut tried = 0;
    let went_back = loop {
        let (generation, is_ready) = pairs.open();
        assert_eq!(is_ready, generation == 1, "only the canary's own fail");
        tried += u32::from(generation == 2);
        if let Some(event) = news.next_event(std::time::Duration::from_millis(1)) {
            break event;
        }
        assert!(pairs.opened < 1000, "it was judged by ten of its streams");
    };
    assert_eq!(went_back["event"], "canary_went_back", "{went_back}");
    let reason = went_back["reason"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with("100 % of its streams failed, and 0 %"),
        "{reason}"
    );
    assert!(tried >= 10, "{tried}");
    assert_eq!((trials(), current()), ([1.0, 0.0], Some(1.0)));
    for _ in 0..20 {
        assert_eq!(pairs.open(), (1, true));
    }
    let plugins = news.ask(&json!({"request": "plugins"}));
    let plugin = &plugins["plugins"][0];
    assert_eq!(plugin["state"], "in_use");
    assert!(
        plugin["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("went back")),
        "{plugin}"
    );
    // The same file, copied there again, is not tried again.
    exchange(
        &fixture("greeting", &["VERSION=\"3.0.0\"", "REJECTS"]),
        &file,
    );
    // Longer than it takes to be seen; `reload` would have it tried.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    for _ in 0..20 {
        assert_eq!(pairs.open(), (1, true));
    }
    exchange(&version(2), &file);
    let loaded = news.event(|event| event["event"] == "generation_loaded");
    assert_eq!(
        (&loaded["generation"], &loaded["canary"]),
        (&json!(3), &json!(true))
    );
    loop {
        assert!(pairs.open().1);
        if let Some(event) = news.next_event(std::time::Duration::from_millis(1)) {
            assert_eq!(
                (&event["event"], &event["generation"]),
                (&json!("canary_promoted"), &json!(3))
            );
            break;
        }
    }
    assert_eq!(pairs.open(), (3, true));
    assert_eq!((trials(), current()), ([1.0, 1.0], Some(3.0)));
    let state = pairs
        .ours
        .ask(&json!({"request": "stream", "stream": running[0]}));
    assert_eq!(
        (&state["state"], &state["generation"]),
        (&json!("ready"), &json!(1))
    );
}
