//! Hosts in turn.
use crate::said;
use handclasp_tests::plugins;
use std::env;
use std::path::Path;

/// What a process has: bytes of memory of its own, mappings and descriptors.
type Has = [usize; 3];

/// How many hosts, unless HOSTS says another number.
const HOSTS: usize = 200;
/// From this one on there is no more of anything.
const SETTLED: usize = 10;
/// But for that: the allocator keeps a part of what threads have used, for each of up to eight a core.
const SLACK: usize = 4 * 1024 * 1024;

#[test]
fn what_belongs_to_a_host_goes_with_it() {
    let count = env::var("HOSTS").map_or(HOSTS, |it| it.parse().expect("it is a number"));
    let plugins = plugins();
    let count = count.to_string();
    let words = [Path::new("hosts"), Path::new(&count), &plugins];
    let said = said(words);
    let has = |line: &str| {
        let numbers = line
            .split(' ')
            .map(|it| it.parse().expect("it is a number"));
        Has::try_from(numbers.collect::<Vec<_>>()).expect("there are three")
    };
    let all: Vec<Has> = said.lines().map(has).collect();
    let most = |all: &[Has]| -> Has {
        let column = |index: usize| all.iter().map(|has| has[index]).max();
        [0, 1, 2].map(|index| column(index).expect("there are hosts"))
    };
    let (first, then) = (most(&all[..SETTLED]), most(&all[SETTLED..]));
    assert!(then[0] <= first[0] + SLACK, "bytes: {first:?}, {then:?}");
    assert!(then[1] <= first[1] + 8, "mappings: {first:?}, {then:?}");
    assert!(then[2] <= first[2], "descriptors: {first:?}, {then:?}");
}
