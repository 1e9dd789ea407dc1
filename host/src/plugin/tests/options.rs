use super::fixture::directory;
use crate::plugin::{OptionError, OptionFault, OptionKind, OptionSpec, validate};
use std::fs;

fn spec(key: &str, kind: OptionKind) -> OptionSpec {
    OptionSpec {
        key: key.to_owned(),
        kind,
        default: None,
        required: false,
        secret: false,
        repeated: false,
        help: "what it is for".to_owned(),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

fn normalised(spec: OptionSpec, value: &str) -> Option<String> {
    let given = pairs(&[(&spec.key, value)]);
    validate("echo", &[spec], &given)
        .ok()
        .map(|mut settings| settings.remove(0).1)
}

#[test]
fn a_file_must_be_there_to_be_read() {
    let directory = directory();
    let file = directory.path().join("key.pem");
    let path = file
        .to_str()
        .expect("the temporary directory's path is UTF-8");
    let spec = spec("key", OptionKind::File);
    let refused = |spec: &OptionSpec, path: &str| {
        let given = pairs(&[("key", path)]);
        let refused = validate("echo", std::slice::from_ref(spec), &given);
        refused.expect_err("it cannot be read").to_string()
    };
    let next = "make sure that the file exists and that this user may read it";
    let missing = format!(
        "option `key` of plugin `echo` names {path:?}, which cannot be read (No such file or directory (os error 2)): \
         {next}"
    );
    assert_eq!(refused(&spec, path), missing);
    fs::write(&file, "").expect("the directory is ours");
    assert_eq!(normalised(spec.clone(), path).as_deref(), Some(path));
    // A pipe would have to be waited for, and a device might act.
    for other in [directory.path().to_str().expect("as above"), "/dev/null"] {
        let sentence = refused(&spec, other);
        assert!(
            sentence.contains("(it is not a regular file)"),
            "{sentence}"
        );
    }
    for bad in ["", "a\0b"] {
        refused(&spec, bad);
    }
    let secret = OptionSpec {
        secret: true,
        ..spec
    };
    let sentence = refused(&secret, "/nowhere/key.pem");
    assert!(!sentence.contains("nowhere"), "{sentence}");
}

#[test]
fn each_file_of_a_list_and_a_default_must_be_there() {
    let list = OptionSpec {
        repeated: true,
        ..spec("ca", OptionKind::File)
    };
    let is_file = |error: OptionError| matches!(error.fault, OptionFault::File { .. });
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let given = pairs(&[("ca", here), ("ca", "/nowhere")]);
    let refused = validate("echo", &[list], &given);
    assert!(is_file(refused.expect_err("one is not there")));
    let with_default = OptionSpec {
        default: Some("/nowhere".to_owned()),
        ..spec("ca", OptionKind::File)
    };
    let refused = validate("echo", std::slice::from_ref(&with_default), &[]);
    assert!(is_file(refused.expect_err("one is not there")));
    let given = pairs(&[("ca", here)]);
    assert!(validate("echo", &[with_default], &given).is_ok());
}

#[test]
fn booleans_are_true_or_false() {
    for (values, normal) in [
        (["true", "Yes", "on", "1"], "true"),
        (["FALSE", "no", "off", "0"], "false"),
    ] {
        for value in values {
            assert_eq!(
                normalised(spec("b", OptionKind::Boolean), value).as_deref(),
                Some(normal)
            );
        }
    }
    for value in ["", "2", "tru", " true"] {
        assert_eq!(normalised(spec("b", OptionKind::Boolean), value), None);
    }
}

#[test]
fn integers_are_decimal() {
    for (value, normal) in [
        ("007", "7"),
        ("+5", "5"),
        ("-5", "-5"),
        ("0x1F", "31"),
        ("-0X8000000000000000", "-9223372036854775808"),
        ("9223372036854775807", "9223372036854775807"),
    ] {
        assert_eq!(
            normalised(spec("i", OptionKind::Integer), value).as_deref(),
            Some(normal)
        );
    }
    for value in [
        "",
        "-",
        "0x",
        "1.5",
        "1e3",
        "0x-5",
        "--5",
        "9223372036854775808",
        "five",
    ] {
        assert_eq!(
            normalised(spec("i", OptionKind::Integer), value),
            None,
            "{value}"
        );
    }
}

#[test]
fn defaults_are_filled_in_and_lists_repeat_their_key() {
    let specs = [
        OptionSpec {
            default: Some("on".into()),
            ..spec("flag", OptionKind::Boolean)
        },
        OptionSpec {
            repeated: true,
            ..spec("peer", OptionKind::String)
        },
        spec("unset", OptionKind::String),
        OptionSpec {
            default: Some("1".into()),
            ..spec("count", OptionKind::Integer)
        },
    ];
    let given = pairs(&[("peer", "b"), ("count", "0x2"), ("peer", "a")]);
    let expected = pairs(&[
        ("flag", "true"),
        ("peer", "b"),
        ("peer", "a"),
        ("count", "2"),
    ]);
    assert_eq!(validate("echo", &specs, &given), Ok(expected));
}

#[test]
fn an_unknown_key_is_answered_with_the_likeliest() {
    let specs = [
        spec("certificate", OptionKind::String),
        spec("mtu", OptionKind::Integer),
    ];
    let refused = |key| validate("echo", &specs, &pairs(&[(key, "secret")])).expect_err("unknown");
    assert_eq!(
        refused("certifcate").to_string(),
        "option `certifcate` of plugin `echo` does not exist: did you mean `certificate`?"
    );
    assert_eq!(
        refused("colour").to_string(),
        "option `colour` of plugin `echo` does not exist: there are certificate, mtu"
    );
    let none = validate("none", &[], &pairs(&[("x", "")])).expect_err("unknown");
    assert!(
        none.to_string().ends_with("the plugin takes none"),
        "{none}"
    );
}

#[test]
fn a_required_option_needs_a_value_or_a_default() {
    let required = OptionSpec {
        required: true,
        ..spec("psk", OptionKind::String)
    };
    let error = validate("echo", std::slice::from_ref(&required), &[]).expect_err("missing");
    assert_eq!(
        error.to_string(),
        "option `psk` of plugin `echo` is required (what it is for): give it a value, with StreamOptions::plugin_option"
    );
    let with_default = OptionSpec {
        default: Some("x".into()),
        ..required
    };
    assert_eq!(
        validate("echo", &[with_default], &[]),
        Ok(pairs(&[("psk", "x")]))
    );
}

#[test]
fn one_value_is_not_two() {
    let given = pairs(&[("mtu", "1"), ("mtu", "1")]);
    let error = validate("echo", &[spec("mtu", OptionKind::Integer)], &given).expect_err("twice");
    assert_eq!(error.fault, OptionFault::Repeated);
}

#[test]
fn a_secret_is_in_no_error() {
    let given = pairs(&[("pin", "hunter2")]);
    let open = spec("pin", OptionKind::Integer);
    let error = validate("echo", std::slice::from_ref(&open), &given).expect_err("no number");
    assert!(error.to_string().contains("\"hunter2\""), "{error}");
    let secret = OptionSpec {
        secret: true,
        default: Some("hunter2".into()),
        ..open
    };
    for given in [given.as_slice(), &[]] {
        let error = validate("echo", std::slice::from_ref(&secret), given).expect_err("no number");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}

#[test]
fn a_bad_default_is_the_plugin_s_fault() {
    let bad = OptionSpec {
        default: Some("many".into()),
        ..spec("count", OptionKind::Integer)
    };
    let error = validate("echo", &[bad], &[]).expect_err("no number");
    assert!(matches!(error.fault, OptionFault::Default { .. }));
    assert!(error.to_string().contains("author"), "{error}");
}
