//! What is out of its bounds is refused at once: when a host is made, or a stream opened.
use crate::streams::{Streams, options};
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::{BindOptions, Host, HostError, HostOptions, OpenError, StreamOptions};
use handclasp_tests::plugins;
use std::net::Ipv4Addr;
use std::time::Duration;

fn opened(
    streams: &Streams,
    change: impl FnOnce(StreamOptions) -> StreamOptions,
) -> Result<(), OpenError> {
    let options = change(options("none", &[]));
    streams.try_open(0, &options).map(drop)
}

#[test]
fn a_stream_with_an_option_out_of_its_bounds_is_not_opened() {
    let streams = Streams::new(1);
    assert!(opened(&streams, |options| options).is_ok());
    let settings = opened(&streams, |options| options.handshake_timeout(Duration::MAX));
    assert!(
        matches!(settings, Err(OpenError::Settings(_))),
        "{settings:?}"
    );
    let bind = opened(&streams, |options| {
        options.bind(BindOptions::new().address(Ipv4Addr::new(224, 0, 0, 1)))
    });
    assert!(matches!(bind, Err(OpenError::Bind(_))), "{bind:?}");
}

#[test]
fn what_is_of_any_length_is_not_repeated_whole() {
    let streams = Streams::new(1);
    let long = "x".repeat(1 << 20);
    let sentence = |changed: Result<(), OpenError>| {
        let sentence = changed.expect_err("it is refused").to_string();
        assert!(sentence.len() < 1000, "{} bytes", sentence.len());
        sentence
    };
    let id = sentence(opened(&streams, |_| StreamOptions::new(&long)));
    assert!(id.contains("x… (1048576 bytes)"), "{id}");
    let key = sentence(opened(&streams, |options| options.plugin_option(&long, "")));
    assert!(
        key.contains("x… (1048576 bytes)` of plugin `none` does not exist"),
        "{key}"
    );
    let value = sentence(opened(&streams, |options| {
        options.plugin_option("key", format!("{long}x"))
    }));
    let too_long =
        "option `key` of plugin `none` is given a value of 1048577 bytes: give it at most 1048576";
    assert_eq!(value, too_long);
    let many = sentence(opened(&streams, |options| {
        options.plugin_options([("key", ""); 1025])
    }));
    let too_many =
        "option `key` of plugin `none` is the first of 1025 values: give a plugin at most 1024";
    assert_eq!(many, too_many);
}

#[test]
fn a_host_with_an_option_out_of_its_bounds_is_not_made() {
    let host = |scanner, loops| {
        let plugins = SearchPath::from_dirs(vec![plugins()]).expect("they are built");
        let options = HostOptions::new(plugins).scanner(scanner).loops(loops);
        let made = Host::new(options);
        made.map(drop).map_err(|error: HostError| error.to_string())
    };
    for loops in [0, 1025, usize::MAX] {
        let sentence = format!(
            "a host has 1 to 1024 event loops, not {loops}: give as many as there are cores"
        );
        assert_eq!(host(Scanner::none(), loops), Err(sentence));
    }
    for patience in [Duration::ZERO, Duration::from_secs(86_401), Duration::MAX] {
        let sentence = format!("the scanner's patience is 1ms to 86400s, not {patience:?}");
        assert_eq!(
            host(Scanner::none().with_patience(patience), 1),
            Err(sentence)
        );
    }
    assert_eq!(host(Scanner::none(), 1), Ok(()));
}
