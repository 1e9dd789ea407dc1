//! What SECURITY.md says is shown by tests that are there; and what `Debug` does not show.
use handclasp::StreamOptions;
use handclasp::stream::{Message, Notification};
use handclasp_tests::{Backend, Event, Party, World, fixture, load};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The sources below a directory, as one text.
fn sources(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("it is in the tree");
    let mut text = String::new();
    for path in entries.map(|entry| entry.expect("it can be read").path()) {
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).expect("sources are UTF-8");
        }
    }
    text
}

/// The names in code spans that can be those of tests.
fn names(document: &str) -> BTreeSet<&str> {
    let spans = document.split('`').skip(1).step_by(2);
    let is_name = |span: &&str| {
        let is_of_one = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        span.matches('_').count() >= 3 && span.chars().all(is_of_one)
    };
    spans.filter(is_name).collect()
}

#[test]
fn every_test_that_security_md_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("SECURITY.md")).expect("it is in the tree");
    let names = names(&document);
    assert!(names.len() >= 15, "{names:?}");
    let places = [
        "host/src",
        "host/cli/src",
        "plugins/dtls-srtp/src",
        "tests/tests",
    ];
    let sources: String = places.map(|place| sources(&root.join(place))).concat();
    for name in names {
        let declared = format!("fn {name}(");
        assert!(sources.contains(&declared), "SECURITY.md names {name}");
    }
}

/// What `tests/fixtures/babbler.c` agrees on.
const KEYS: &str = "Keys-of-32-bytes-nobody-may-know";
const SECRET: &str = "an-option-that-nobody-may-read";

#[track_caller]
fn assert_hides(debug: &str, secret: &str) {
    let list = format!("{:?}", secret.as_bytes());
    let list = list.trim_matches(['[', ']']);
    assert!(!debug.contains(secret) && !debug.contains(list), "{debug}");
}

#[test]
fn debug_shows_no_key_no_password_and_no_secret_option() {
    let party = Party::new(load(&fixture("babbler", &[]))).option("secret", SECRET);
    let mut world = World::pair(Backend::immediate(), &party, &party);
    let passwords = |world: &World| -> Vec<String> {
        let told = world.sides.iter().flat_map(|side| &side.log);
        let password = |event: &Event| match event {
            Event::Said(Notification::LocalCredentials { credentials, .. }) => {
                let (_, password) = credentials.split_once(' ').expect("two words");
                Some(password.to_owned())
            }
            _ => None,
        };
        told.filter_map(|(_, event)| password(event)).collect()
    };
    let look = |world: &World| {
        let passwords = passwords(world);
        assert_eq!(passwords.len(), 2);
        for side in &world.sides {
            let debug = format!("{:?} {:?}", side.stream, side.log);
            assert!(debug.contains("10.0.0."), "{debug}");
            for secret in passwords.iter().map(String::as_str).chain([KEYS, SECRET]) {
                assert_hides(&debug, secret);
            }
        }
    };
    world.connect();
    look(&world);
    let options = StreamOptions::default().plugin_option("secret", SECRET);
    assert_hides(&format!("{options:?}"), SECRET);
    let data = || zeroize::Zeroizing::new(KEYS.as_bytes().to_vec());
    let text = || KEYS.to_owned();
    for notification in [
        Notification::ExportedKey {
            component_id: 1,
            label: "a".to_owned(),
            key: data(),
        },
        Notification::HandshakeData {
            component_id: 1,
            data: data(),
        },
        Notification::ComponentStateReady {
            component_id: 1,
            data: data(),
        },
        Notification::LocalCredentials {
            credentials: text(),
            generation: 0,
        },
        Notification::LocalSdp { sdp: text() },
    ] {
        assert_hides(&format!("{notification:?}"), KEYS);
    }
    for message in [
        Message::SetRemoteCredentials {
            credentials: text(),
            generation: None,
        },
        Message::ParseRemoteSdp { sdp: text() },
        Message::ExportKey {
            component_id: 1,
            label: "a".to_owned(),
            context: Some(text().into_bytes()),
            length: 32,
        },
    ] {
        assert_hides(&format!("{message:?}"), KEYS);
    }
}
