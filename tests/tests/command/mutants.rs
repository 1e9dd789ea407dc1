//! Damaged libraries: none of them ends whoever lists them, and the good one beside them is listed.
use crate::support::{Plugins, handclasp, hello, id_of, json, plugin, text};
use handclasp_tests::{built, skip};
use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

/// How many of each; `HANDCLASP_MUTANTS` says another number.
const MUTANTS: usize = 2000;
/// In one directory.
const TOGETHER: usize = 500;

/// A sequence that looks random, and is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

fn survives(library: &[u8], seed: u64) {
    let mutants = std::env::var("HANDCLASP_MUTANTS")
        .map_or(MUTANTS, |number| number.parse().expect("a number"));
    let (mut dice, began) = (Dice(seed), Instant::now());
    let (mut opened, mut verdicts) = (0, BTreeMap::new());
    let id = id_of(library);
    for start in (0..mutants).step_by(TOGETHER) {
        let plugins = Plugins::with("none");
        for number in start..mutants.min(start + TOGETHER) {
            let mut mutant = library.to_vec();
            // Each under an id of its own: of two with the same only one is looked at.
            mutant[id..id + 48].fill(0);
            mutant[id..id + 6].copy_from_slice(format!("m{number:05}").as_bytes());
            for _ in 0..=dice.below(100) {
                let place = dice.below(mutant.len());
                mutant[place] = dice.below(256) as u8;
            }
            fs::write(plugins.file(&format!("m{number:05}.so")), mutant)
                .expect("the directory is ours");
        }
        let cache = tempfile::tempdir().expect("the temporary directory is writable");
        let output = handclasp([
            "plugins",
            "list",
            "--json",
            "--patience",
            "2",
            "--plugin-dir",
            plugins.path(),
        ])
        .env("XDG_CACHE_HOME", cache.path())
        .output()
        .expect("the command runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let listing = json(&output).remove(0);
        let usable = listing["plugins"].as_array().expect("it is a list");
        assert!(
            usable.iter().any(|plugin| plugin["id"] == "none"),
            "mutants from {start}"
        );
        opened += usable.len() - 1;
        for refusal in listing["refused"].as_array().expect("it is a list") {
            let reason = refusal["reason"].as_str().expect("it is text");
            // A host that panics is no mutant's fault.
            assert!(!reason.contains("exit code 101"), "{reason}");
            let file = refusal["file"].as_str().expect("it is text");
            *verdicts.entry(verdict(reason, file)).or_insert(0) += 1;
        }
    }
    let time = began.elapsed();
    eprintln!("{mutants} mutants, {opened} opened; refused: {verdicts:#?}; {time:?}");
    assert!(
        opened > 0 && !verdicts.is_empty(),
        "they are neither all the same nor all broken"
    );
}

/// A sentence without its file and its details.
fn verdict(reason: &str, file: &str) -> String {
    let cause = reason.strip_prefix(file).unwrap_or(reason).trim_start();
    let details: &[char] = match cause.starts_with("crashes") || cause.starts_with("ends") {
        true => &[';', ':'], // but for how it ended
        false => &['(', ':', '"', '0'],
    };
    let cause = cause.split(details).next().unwrap_or_default();
    cause.trim_end_matches([')', ' ']).to_owned()
}

#[test]
fn mutants_of_a_plugin_in_c() {
    let plugins = Plugins::new();
    plugins.compile("hello.so", &hello("1.0.0"));
    survives(
        &fs::read(plugins.file("hello.so")).expect("it was just compiled"),
        0x5eed_0001,
    );
}

#[test]
fn mutants_of_a_plugin_in_rust() {
    survives(&fs::read(plugin("none")).expect("it is there"), 0x5eed_0002);
}

#[test]
fn mutants_of_a_plugin_on_openssl() {
    match built("dtls-openssl") {
        Ok(file) => survives(&fs::read(file).expect("it is there"), 0x5eed_0003),
        Err(lacking) => skip("mutants of a plugin on OpenSSL", &lacking),
    }
}
