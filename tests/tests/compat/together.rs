//! Streams of today's host, with plugins of then.
use crate::release::Release;
use handclasp::plugin::vet;
use handclasp::stream::Message;
use handclasp_abi::{HC_ABI_MAJOR, HC_ABI_MINOR};
use handclasp_tests::{Backend, Party, World, for_each_backend, load};
use std::path::Path;
use std::time::Duration;

#[test]
fn a_minimal_plugin_shakes_hands() {
    for release in Release::supported() {
        let library = release.compile("minimal");
        let party = Party::new(load(&library.path()));
        for_each_backend(|backend| {
            let mut world = World::pair(backend, &party, &party);
            world.connect();
            for side in &world.sides {
                assert_eq!(side.handshake_data(1).as_deref(), Some(&b"minimal"[..]));
            }
        });
    }
}

#[test]
fn options_arrive_as_they_were_declared() {
    for release in Release::supported() {
        let library = release.compile("options");
        let party = Party::new(load(&library.path()))
            .components(2)
            .option("count", "+7")
            .option("loud", "true")
            .option("word", "one")
            .option("word", "two")
            .option("secret", "s");
        let declared = &party.plugin.description().options;
        let takes_file = declared.iter().any(|option| option.key == "file"); // since 0.2
        let party = match takes_file {
            true => party.option("file", &library.path().to_string_lossy()),
            false => party,
        };
        let mut world = World::pair(Backend::immediate(), &party, &party);
        world.connect();
    }
}

#[test]
fn every_extension_is_at_work() {
    for release in Release::supported() {
        let library = release.compile("extensions");
        let party = Party::new(load(&library.path()));
        for_each_backend(|backend| {
            let mut world = World::pair(backend, &party, &party);
            world.link.make_bad();
            world.connect();
            world.link.loss = 0.0;
            world.send(0, 1, b"?application");
            world.run_for(Duration::from_secs(1));
            assert!(world.sides[1].has("received 1 ?application"));
            world.tell(0, Message::Close).expect("it is not too early");
            world.run_for(Duration::from_secs(1));
            assert!(world.sides[1].has("closed 1 by peer"));
        });
    }
}

#[test]
fn other_versions_are_refused_in_words() {
    for release in Release::all() {
        for name in ["minimal", "options", "extensions"] {
            let library = release.compile(name);
            let used = is_used(&library.path(), &release.version());
            assert_eq!(used, release.is_supported());
        }
        let other = release.compile_as(1000);
        let version = format!("{}.1000", release.major);
        assert!(!is_used(&other.path(), &version), "nobody has made it yet");
    }
}

/// Whether a library of this version is used; if not, the sentence names both versions and says what to do.
fn is_used(library: &Path, version: &str) -> bool {
    match vet(library) {
        Ok(_) => true,
        Err(refusal) => {
            let sentence = refusal.to_string();
            let ours = format!("{HC_ABI_MAJOR}.{HC_ABI_MINOR}");
            assert!(
                sentence.contains(version) && sentence.contains(&ours),
                "{sentence}"
            );
            assert!(
                sentence.contains("rebuild the plugin against this host's handclasp.h"),
                "{sentence}"
            );
            false
        }
    }
}
