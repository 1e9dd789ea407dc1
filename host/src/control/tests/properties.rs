use super::{inputs, written};
use crate::control::{Event, Input, MAX_PAYLOAD, Reader, Secrets};
use crate::plugin::Role;
use crate::stream::{Message, Notification};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use zeroize::Zeroizing;

/// Whatever is said of a line, the place is in it or just behind it, and the sentence is short.
fn parse(line: &str) {
    match Input::parse(line) {
        Ok(Input::SendPayload { payload, .. }) => {
            assert!((1..=MAX_PAYLOAD).contains(&payload.len()));
        }
        Ok(Input::Message(_)) => {}
        Err(error) => {
            assert!((1..=line.len() + 1).contains(&error.column), "{error:?}");
            assert!(error.to_string().len() < 1000, "{error}");
        }
    }
}

fn message() -> impl Strategy<Value = Input> {
    let bytes = || vec(any::<u8>(), 1..300);
    prop_oneof![
        (any::<String>(), any::<Option<u64>>()).prop_map(|(credentials, generation)| {
            Message::SetRemoteCredentials {
                credentials,
                generation,
            }
            .into()
        }),
        (any::<String>(), any::<u16>()).prop_map(|(candidate, component_id)| {
            Message::SetRemoteCandidate {
                candidate,
                component_id,
            }
            .into()
        }),
        any::<String>().prop_map(|sdp| Message::ParseRemoteSdp { sdp }.into()),
        (any::<u16>(), any::<bool>(), bytes(), any::<Option<u64>>()).prop_map(
            |(component_id, starts, init_data, association)| {
                let role = if starts {
                    Role::Initiator
                } else {
                    Role::Responder
                };
                Message::SetPeerInitData {
                    component_id,
                    role,
                    init_data,
                    association,
                }
                .into()
            }
        ),
        (
            any::<u16>(),
            any::<String>(),
            proptest::option::of(vec(any::<u8>(), 0..300)),
            any::<usize>()
        )
            .prop_map(|(component_id, label, context, length)| {
                Message::ExportKey {
                    component_id,
                    label,
                    context,
                    length,
                }
                .into()
            }),
        (any::<u16>(), bytes()).prop_map(|(component_id, payload)| Input::SendPayload {
            component_id,
            payload,
        }),
        select(inputs()),
    ]
}

/// Text that gets past the first brace.
fn fragment() -> impl Strategy<Value = String> {
    let known = select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "\\",
        "\\u",
        "d800",
        "0",
        "-",
        "1e999",
        "null",
        "true",
        "\"message\"",
        "\"stop\"",
        "\"listen\"",
        "\"component_id\"",
        "\"payload\"",
        "\u{7f}",
        "é",
        "\n",
        "\u{2028}",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), fragments in vec(fragment(), 0..30)) {
        parse(&text);
        parse(&fragments.concat());
        parse(&format!("{{{}}}", fragments.concat()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        let mut reader = Reader::new(&bytes[..]);
        let mut last = 0;
        while let Some(line) = reader.read().expect("memory can be read") {
            prop_assert!(line.number > last);
            last = line.number;
        }
    }

    #[test]
    fn a_damaged_line_is_read_or_refused(
        input in message(),
        damage in vec((any::<Index>(), fragment(), any::<bool>()), 1..5),
    ) {
        let mut characters: Vec<char> = written(&input).to_string().chars().collect();
        for (at, fragment, replace) in damage {
            let at = at.index(characters.len() + 1);
            let end = (at + usize::from(replace)).min(characters.len());
            characters.splice(at..end, fragment.chars());
        }
        parse(&characters.into_iter().collect::<String>());
    }

    #[test]
    fn a_line_cut_short_is_refused(input in message(), end in any::<Index>()) {
        let line = written(&input).to_string();
        let characters: Vec<char> = line.chars().collect();
        let cut: String = characters[..end.index(characters.len())].iter().collect();
        parse(&cut);
        prop_assert!(Input::parse(&cut).is_err());
    }

    #[test]
    fn every_message_is_read_as_it_is_written(input in message()) {
        let line = written(&input).to_string();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(Input::parse(&line), Ok(input));
    }

    #[test]
    fn bytes_come_out_of_an_event_as_they_went_in(data in vec(any::<u8>(), 0..300)) {
        let notification = Notification::HandshakeData { component_id: 1, data: Zeroizing::new(data) };
        let line = serde_json::to_string(&Event::new(&notification, Secrets::Shown)).expect("it can be written");
        let event: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        let encoded = event["handshake_data"].as_str().expect("a string");
        let Notification::HandshakeData { data, .. } = notification else { unreachable!() };
        prop_assert_eq!(BASE64_STANDARD.decode(encoded).expect("base64"), data.to_vec());
    }

    #[test]
    fn any_text_stays_on_its_line(warning in any::<String>()) {
        let notification = Notification::Warning { warning: warning.clone() };
        let line = serde_json::to_string(&Event::new(&notification, Secrets::Shown)).expect("it can be written");
        prop_assert!(!line.contains('\n'));
        let event: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        prop_assert_eq!(event["warning"].as_str(), Some(warning.as_str()));
    }
}
