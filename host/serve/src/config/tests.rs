//! The whole configuration.
use super::{AnnouncedAs, Config, ConfigErrors, Ipv6, LogFormat, SecretSource, Share};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "/etc/handclasp/handclasp.toml";
/// Where operators read of the keys.
const DOCUMENT: &str = include_str!("../../../../docs/configuration.md");

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, Path::new(FILE))
}

#[track_caller]
fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The errors, each without the file.
#[track_caller]
fn wrong(text: &str) -> Vec<String> {
    let errors = parse(text).expect_err("something is wrong with it");
    let prefix = format!("{FILE}:");
    let without = |error: String| {
        error
            .strip_prefix(&prefix)
            .expect("it begins with the file")
            .to_owned()
    };
    errors
        .iter()
        .map(|error| without(error.to_string()))
        .collect()
}

#[track_caller]
fn assert_wrong(text: &str, errors: &[&str]) {
    assert_eq!(wrong(text), errors, "{text}");
}

#[test]
fn the_example_is_the_default() {
    let example = good(&Config::example());
    assert!(
        Config::default().changes(&example).is_empty(),
        "{:?}",
        Config::default().changes(&example)
    );
    assert!(example.plugin.is_empty() && example.servers.turn.is_empty());
}

#[test]
fn the_example_has_every_key_and_each_line_of_it_can_be_used() {
    let example = Config::example();
    let is_setting = |line: &&str| {
        line.starts_with(|c: char| c.is_ascii_lowercase() || matches!(c, '#' | '['))
            && !line.starts_with("# ")
    };
    let settings: Vec<_> = example
        .lines()
        .filter(is_setting)
        .map(|line| line.trim_start_matches('#'))
        .collect();
    let mut keys = Vec::new();
    let mut table = "";
    for line in &settings {
        match line.split_once(" = ") {
            None => table = line,
            Some((key, _)) => keys.push((table.to_owned(), key.to_owned())),
        }
    }
    let row = |row: super::ReferenceRow| {
        (
            row.table.replace("plugin.ID", "plugin.dtls-srtp"),
            row.name.to_owned(),
        )
    };
    assert_eq!(
        keys,
        Config::reference().into_iter().map(row).collect::<Vec<_>>()
    );

    // All of it at once, but for what is in the place of something else.
    let instead = ["password =", "password-env =", "interfaces ="];
    let all = settings
        .iter()
        .filter(|line| !instead.iter().any(|key| line.starts_with(key)));
    let all = good(
        &all.map(|line| format!("{line}\n"))
            .collect::<String>()
            .replace("mode = \"0600\"", "mode = \"0660\""),
    );
    assert_eq!(all.servers.turn.len(), 1);
    assert_eq!(all.plugin["dtls-srtp"].options.len(), 2);
    assert_eq!(all.listen.loops, Some(4));
    for key in ["password", "password-env"] {
        let line = settings
            .iter()
            .find(|line| line.starts_with(&format!("{key} = ")))
            .expect("it is in the example");
        good(&format!(
            "[[servers.turn]]\nuri = \"turn:u@h.example\"\n{line}\n"
        ));
    }
}

/// What is in the tables of the document: the table's name, and the first cell of each row.
fn documented() -> Vec<String> {
    let heading = DOCUMENT
        .lines()
        .position(|line| line == "## Keys")
        .expect("there is such a section");
    let lines = DOCUMENT
        .lines()
        .skip(heading + 1)
        .skip_while(|line| line.is_empty());
    lines.map(str::to_owned).collect()
}

#[test]
fn the_document_has_every_key_as_the_parser_takes_it() {
    let mut expected = Vec::new();
    let mut table = String::new();
    for row in Config::reference() {
        if row.table != table {
            table.clone_from(&row.table);
            let blank = if expected.is_empty() {
                [].as_slice()
            } else {
                &[String::new()]
            };
            expected.extend_from_slice(blank);
            let heading = [
                format!("### `{table}`"),
                String::new(),
                row.about.to_owned(),
                String::new(),
            ];
            expected.extend(heading);
            expected.push("| key | default | takes | change | meaning |".to_owned());
            expected.push("| --- | --- | --- | --- | --- |".to_owned());
        }
        let cell = |text: &str| text.replace('|', "\\|");
        let default = row
            .default
            .map_or(String::new(), |default| format!("`{default}`"));
        let change = if row.restart.is_some() {
            "restart"
        } else {
            "reload"
        };
        let cells = [
            &*format!("`{}`", row.name),
            &default,
            &row.takes,
            change,
            row.help,
        ]
        .map(cell);
        expected.push(format!("| {} |", cells.join(" | ")));
    }
    let documented = documented();
    assert!(
        documented == expected,
        "docs/configuration.md must end with this:\n\n## Keys\n\n{}\n",
        expected.join("\n")
    );
}

#[test]
fn nothing_is_needed() {
    let config = good("");
    assert_eq!(
        (config.listen.port, config.plugins.default.as_str()),
        (3478, "dtls-srtp")
    );
    assert_eq!((config.metrics.listen, config.control.mode), (None, 0o600));
    assert_eq!(config.file(), Some(Path::new(FILE)));
    // As some editors write it.
    assert_eq!(good("\u{feff}[listen]\r\nport = 1\r\n").listen.port, 1);
}

#[test]
fn every_kind_of_value_is_read() {
    let config = good(
        r#"
        listen = { port = 0x1000, addresses = ["192.0.2.7", "2001:db8::7"], ipv6 = "on", receive-buffer = "1 MiB" }
        [announce]
        addresses = ["203.0.113.7", "192.0.2.7=203.0.113.8", "relay.example.org"]
        [servers]
        stun = ["stun:stun.example.org"]
        [[servers.turn]]
        uri = "turns:relay.example.org"
        user = "me"
        password-env = "TURN"
        [[servers.turn]]
        uri = "turn:me@192.0.2.9:1?transport=tcp"
        password-file = "secrets/turn"
        [control]
        mode = 0o660
        tcp = "[::1]:1"
        token-file = "/token"
        [plugins]
        keys = ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3", "key.pub"]
        poll = "1min 30s"
        canary.share = "2.5%"
        [plugin.mine]
        options = { psk = { file = "psk" }, name = ["a", "b"], retries = 3, strict = true, key = { env = "KEY" } }
        init-timeout = "250ms"
        [log]
        level = "info, is=debug,handclasp::plugin=trace"
        format = "json"
        [metrics]
        listen = "127.0.0.1:9478"
        "#,
    );
    let addresses: Vec<IpAddr> = ["192.0.2.7", "2001:db8::7"]
        .map(|it| it.parse().expect("an address"))
        .into();
    assert_eq!(
        (
            config.listen.port,
            config.listen.ipv6,
            &config.listen.addresses
        ),
        (4096, Ipv6::On, &addresses)
    );
    assert_eq!(config.listen.receive_buffer, 1 << 20);
    assert_eq!(config.announce.addresses.len(), 3);
    assert_eq!(
        config.announce.addresses[2],
        AnnouncedAs::Name("relay.example.org".to_owned())
    );
    assert_eq!(
        config.servers.turn[0].password_source(),
        Some(SecretSource::Env("TURN".to_owned()))
    );
    let file = PathBuf::from("/etc/handclasp/secrets/turn");
    assert_eq!(
        config.servers.turn[1].password_source(),
        Some(SecretSource::File(file))
    );
    assert_eq!(
        (config.control.mode, config.control.token_file.as_deref()),
        (0o660, Some(Path::new("/token")))
    );
    assert_eq!(config.plugins.poll, Some(Duration::from_secs(90)));
    assert_eq!(config.plugins.canary.share.to_string(), "2.5%");
    assert_ne!(config.plugins.canary.share, Share::percent(2));
    let mine = &config.plugin["mine"];
    assert_eq!(mine.init_timeout, Some(Duration::from_millis(250)));
    let keys: Vec<_> = mine.options.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["key", "name", "name", "psk", "retries", "strict"]);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_place() {
    assert_wrong(
        r#"[listen]
prot = 1
port = 70000
receive-buffer = "4"
addresses = ["0.0.0.0", "192.0.2.7", "nonsense"]
ipv6 = "maybe"
max-streams = 7

[limts]
[timeouts]
ice = 30
[log]
level = "loud"
"#,
        &[
            "2:1: listen.prot: there is no such key: did you mean `port`?",
            "3:8: listen.port: 70000 cannot be used here: give a whole number from 1 to 65535",
            "4:18: listen.receive-buffer: \"4\" cannot be used here: give a size from \"4 KiB\" to \"1 GiB\", with its unit: B, \
             KiB, MiB or GiB",
            "5:14: listen.addresses: 0.0.0.0 is no address of an interface: leave `addresses` empty for all there are",
            "5:38: listen.addresses: \"nonsense\" cannot be used here: give the unicast address of an interface, such as \
             \"192.0.2.7\" or \"2001:db8::7\"",
            "6:8: listen.ipv6: \"maybe\" cannot be used here: give \"on\" or \"off\" or \"only\"",
            "7:1: listen.max-streams: there is no such key here: did you mean `plugin.ID.max-streams`?",
            "9:2: limts: there is no such key: did you mean `limits`?",
            "11:7: timeouts.ice: 30 cannot be used here: give a duration from \"1ms\" to \"1d\", with its unit: ms, s, min, h \
             or d",
            "13:9: log.level: \"loud\" cannot be used here: give a level (off, error, warn, info, debug, trace), or \
             TARGET=LEVEL, several separated by commas",
        ],
    );
}

#[test]
fn what_is_no_toml_is_told_beside_the_rest() {
    let errors = wrong("[listen]\nport = \nloops = 0\n[log\nlevel = 7\n");
    assert!(errors[0].starts_with("2:"), "{errors:#?}");
    assert!(
        errors
            .iter()
            .any(|error| error.starts_with("3:9: listen.loops: 0 cannot be used here")),
        "{errors:#?}"
    );
    assert!(
        errors.iter().any(|error| error.starts_with("4:")),
        "{errors:#?}"
    );
    let twice = wrong("[log]\nlevel = \"info\"\nlevel = \"warn\"\n");
    assert!(twice[0].starts_with("3:") && twice.len() == 1, "{twice:#?}");
    let invalid = Config::from_bytes(b"[log]\nfile = \"\xff\"\n", Path::new(FILE))
        .expect_err("it is no text");
    assert_eq!(
        invalid.to_string(),
        format!("{FILE}:2:9: this is no text in UTF-8: save the file as such")
    );
}

#[test]
fn tables_are_written_as_tables() {
    assert_wrong(
        "log = 1\n",
        &["1:7: log: this is a table: write it as [log]"],
    );
    let several = "there may be several such tables: write each as [[servers.turn]]";
    assert_wrong(
        "[servers.turn]\n",
        &[&format!("1:1: servers.turn: {several}")],
    );
    assert_wrong(
        "[plugin]\nnone = 1\n",
        &["2:1: plugin.none: this is a table: write it as [plugin.none]"],
    );
    let id = "this is no id of a plugin: it has 1 to 47 characters out of a-z, 0-9 and -";
    assert_wrong("[plugin.None]\n", &[&format!("1:9: plugin.None: {id}")]);
}

#[test]
fn keys_that_do_not_go_together_are_told() {
    for (text, error) in [
        (
            "[control]\ntcp = \"127.0.0.1:1\"\n",
            "2:1: control.tcp: every user of this machine can connect over TCP: name a secret with `token-file`",
        ),
        (
            "[control]\ntoken-file = \"t\"\n",
            "2:1: control.token-file: the token is for programs over TCP: add tcp = \"ADDRESS:PORT\", or remove the token",
        ),
        (
            "[control]\ngroup = \"adm\"\n",
            "2:1: control.group: its members cannot connect with this mode: add mode = \"0660\"",
        ),
        (
            "[servers]\nrelay-only = true\n",
            "2:1: servers.relay-only: there is no TURN server to reach peers through: add one with [[servers.turn]]",
        ),
        (
            "[plugins]\nrequire-signature = true\n",
            "2:1: plugins.require-signature: there is no key to verify signatures by: add the public keys with `keys`",
        ),
        (
            "[listen]\naddresses = [\"::1\"]\nipv6 = \"off\"\n",
            "2:1: listen.addresses: ::1 is not used with this value of `ipv6`: remove the address, or change `ipv6`",
        ),
        (
            "[[servers.turn]]\nuri = \"turn:h.example\"\npassword-env = \"P\"\n",
            "1:1: servers.turn: the server has no user: add user = \"NAME\"",
        ),
        (
            "[[servers.turn]]\nuri = \"turn:u@h.example\"\n",
            "1:1: servers.turn: the server has no password: add password-file = \"FILE\"",
        ),
        (
            "[[servers.turn]]\nuser = \"u\"\npassword-env = \"P\"\n",
            "1:1: servers.turn: the server has no URI: add uri = \"turn:HOST\"",
        ),
        (
            "[[servers.turn]]\nuri = \"turn:u@h.example\"\npassword-env = \"P\"\npassword-file = \"f\"\n",
            "3:1: servers.turn.password-env: the password is given by `password-file` already: remove one of the two",
        ),
    ] {
        assert_wrong(text, &[error]);
    }
}

#[test]
fn only_loopback_takes_programs_over_tcp_and_no_mode_lets_others_in() {
    for text in [
        "tcp = \"192.0.2.1:1\"\ntoken-file = \"t\"",
        "tcp = \"127.0.0.1:0\"\ntoken-file = \"t\"",
        "mode = \"0666\"",
        "mode = 600",
        "mode = \"888\"",
        "mode = \"+600\"",
    ] {
        let errors = wrong(&format!("[control]\n{text}\n"));
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(errors[0].contains("cannot be used here"), "{errors:#?}");
    }
}

#[test]
fn no_sentence_and_no_debug_output_has_a_secret() {
    const SECRET: &str = "swordfish";
    let text = |rest: &str| {
        format!("[[servers.turn]]\n{rest}\n[plugin.mine]\noptions = {{ psk = \"{SECRET}\" }}\n")
    };
    let config = good(&text(&format!(
        "uri = \"turn:u@h.example\"\npassword = \"{SECRET}\""
    )));
    assert!(!format!("{config:?}").contains(SECRET));
    for rest in [
        format!("uri = \"turn:u:{SECRET}@h.example\""),
        format!("uri = \"turn:u:{SECRET}@\""),
        format!("uri = \"{SECRET}\""),
        format!("uri = \"turn:u@h.example\"\npasword = \"{SECRET}\""),
        format!("uri = \"turn:u@h.example\"\npassword = \"{SECRET}"),
    ] {
        let errors = wrong(&text(&rest)).join("\n");
        assert!(!errors.contains(SECRET), "{errors}");
    }
    for options in [
        format!("{{ psk = [[\"{SECRET}\"]] }}"),
        format!("{{ psk = {{ fiel = \"{SECRET}\" }} }}"),
        format!("\"{SECRET}\""),
    ] {
        let errors = wrong(&format!("[plugin.mine]\noptions = {options}\n")).join("\n");
        assert!(!errors.contains(SECRET), "{errors}");
    }
}

#[test]
fn a_reload_takes_what_needs_no_restart() {
    let old = good(
        "[plugin.a]\nmax-streams = 1\n[[servers.turn]]\nuri = \"turn:u@h.example\"\npassword = \"a\"\n",
    );
    assert!(old.changes(&old).is_empty());
    assert!(good("").changes(&good("[plugin.a]\n")).is_empty());
    let new = good(
        "[listen]\nport = 1\n[limits]\nmax-streams = 5\n[plugin.b]\nmax-streams = 1\n[[servers.turn]]\nuri = \"turn:u@h.example\"\npassword = \"b\"\n",
    );
    let changes = old.changes(&new);
    assert_eq!(
        changes.reloaded,
        [
            "limits.max-streams",
            "plugin.a.max-streams",
            "plugin.b.max-streams",
            "servers.turn.password"
        ]
    );
    let restart: Vec<_> = changes.restart.iter().map(ToString::to_string).collect();
    assert_eq!(
        restart,
        [
            "listen.port stays as it is, as the sockets are bound when the daemon starts: restart the daemon"
        ]
    );
}

#[test]
fn keys_have_one_name_each() {
    let rows = Config::reference();
    let names: BTreeSet<_> = rows.iter().map(|row| (&row.table, row.name)).collect();
    assert_eq!(names.len(), rows.len());
    for row in &rows {
        let is_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(row.name.chars().all(is_key), "{}", row.name);
        assert!(row.help.ends_with('.'), "{}: {}", row.name, row.help);
    }
}

#[test]
fn so_many_errors_are_kept_and_the_others_counted() {
    let unknown = |count: usize| {
        (0..count)
            .map(|n| format!("key{n} = 1\n"))
            .collect::<String>()
    };
    let nonsense = |count: usize| "= 1\n".repeat(count);
    for count in [300, 5_000] {
        for text in [unknown(count), nonsense(count)] {
            let errors = parse(&text).expect_err("there are no such keys");
            assert_eq!(errors.iter().count(), 100);
            assert!(errors.left_out() >= count - 100, "{}", errors.left_out());
        }
    }
    let errors = parse(&unknown(101)).expect_err("there are no such keys");
    assert!(errors.to_string().ends_with("\nand 1 more"));
    let long = parse(&format!("{} = 1\n", "x".repeat(1 << 19))).expect_err("there is no such key");
    assert!(long.to_string().len() < 500);
    let large = format!("# {}", "x".repeat(1 << 20));
    let large = parse(&large).expect_err("it is too large").to_string();
    assert!(large.contains("bytes are too many"), "{large}");
    let deep = format!("a = {}", "[".repeat(100_000));
    parse(&deep).expect_err("it is too deep");
}

/// A place that is in the text.
fn assert_placed(text: &str) -> Result<(), TestCaseError> {
    let Err(errors) = parse(text) else {
        return Ok(());
    };
    let lines: Vec<_> = text.split('\n').collect();
    for error in errors.iter() {
        let (line, column) = error
            .place
            .expect("only a file that cannot be read is wrong without a place");
        prop_assert!(line.get() <= lines.len(), "{error}\n{text:?}");
        prop_assert!(
            column.get() <= lines[line.get() - 1].chars().count() + 1,
            "{error}\n{text:?}"
        );
        prop_assert!(
            line.get() == 1 || line.get() <= text.lines().count(),
            "{error}\n{text:?}"
        );
    }
    Ok(())
}

/// A part of the example with some of it exchanged.
fn mutant() -> impl Strategy<Value = String> {
    let pieces = [
        "\"",
        "[",
        "]",
        "[[",
        "{",
        "}",
        "=",
        "\n",
        "#",
        "1",
        "-1",
        "true",
        "\"x\"",
        "9999999999999999999",
        "é",
        "\u{feff}",
        ".",
        "1979-05-27",
    ];
    let edits = prop::collection::vec(
        (
            any::<prop::sample::Index>(),
            prop::sample::select(pieces.to_vec()),
            0..20_usize,
        ),
        1..6,
    );
    edits.prop_map(|edits| {
        let mut text: Vec<char> = Config::example()
            .lines()
            .map(|line| {
                format!(
                    "{}\n",
                    line.strip_prefix('#')
                        .filter(|rest| !rest.starts_with(' '))
                        .unwrap_or(line)
                )
            })
            .collect::<String>()
            .chars()
            .collect();
        for (place, piece, removed) in edits {
            let place = place.index(text.len());
            let end = (place + removed).min(text.len());
            text.splice(place..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Config::from_bytes(&bytes, Path::new(FILE));
    }

    #[test]
    fn every_error_has_a_place_in_the_text(text in "[\\[\\]{}=.,#\"'a-f\\n\\r 0-9é-]{0,60}") {
        assert_placed(&text)?;
    }

    #[test]
    fn every_error_in_a_changed_example_has_a_place_in_it(text in mutant()) {
        assert_placed(&text)?;
    }
}
