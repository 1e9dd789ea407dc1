//! Keys that the application asks for (`hc.export/1`, RFC 5705).
use super::{Refused, Stream};
use crate::plugin::ExportParameters;
use std::ops::RangeInclusive;
use std::time::Instant;

/// Bytes of an exporter's label, which is printable ASCII: TLS 1.3 has room for no more (RFC 8446, section 7.1).
pub const EXPORT_LABEL: RangeInclusive<usize> = 1..=249;
/// Bytes of an exporter's context: its length is a number of 16 bits (RFC 5705, section 4).
pub const EXPORT_CONTEXT: RangeInclusive<usize> = 0..=65_535;
/// Bytes of an exported key: what HKDF makes with SHA-256 (RFC 5869, section 2.3).
pub const EXPORT_LENGTH: RangeInclusive<usize> = 1..=255 * 32;

/// Labels of TLS itself, which no exporter may use (RFC 5705, section 4).
const RESERVED: [&str; 5] = [
    "client finished",
    "server finished",
    "master secret",
    "extended master secret",
    "key expansion",
];

impl Stream {
    pub(super) fn export_key(
        &mut self,
        now: Instant,
        component_id: u16,
        parameters: ExportParameters,
    ) -> Result<(), Refused> {
        check(&parameters)?;
        let state = self.component_mut(component_id)?;
        let asked = state.component.export_key(now, parameters);
        asked.map_err(|reason| Refused::Export { reason })
    }
}

fn check(parameters: &ExportParameters) -> Result<(), Refused> {
    let ExportParameters {
        label,
        context,
        length,
    } = parameters;
    let bounds =
        |what: &str, range: &RangeInclusive<usize>, bytes: usize| match range.contains(&bytes) {
            true => Ok(()),
            false => Err(refused(format!(
                "{what} has {} to {} bytes, not {bytes}",
                range.start(),
                range.end()
            ))),
        };
    bounds("an exporter's label", &EXPORT_LABEL, label.len())?;
    bounds("an exported key", &EXPORT_LENGTH, *length)?;
    if let Some(context) = context {
        bounds("an exporter's context", &EXPORT_CONTEXT, context.len())?;
    }
    if !label.bytes().all(|c| (b' '..=b'~').contains(&c)) {
        return Err(refused(
            "an exporter's label is printable ASCII (RFC 5705): give it such a one".to_owned(),
        ));
    }
    if RESERVED.contains(&label.as_str()) {
        return Err(refused(format!(
            "\"{label}\" is a label of TLS itself (RFC 5705, section 4): use one of your own, such as \
             \"EXPERIMENTAL-…\""
        )));
    }
    Ok(())
}

fn refused(reason: String) -> Refused {
    Refused::Export { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(label: &str, context: Option<usize>, length: usize) -> Option<String> {
        let parameters = ExportParameters {
            label: label.to_owned(),
            context: context.map(|bytes| vec![0; bytes]),
            length,
        };
        check(&parameters).err().map(|it| it.to_string())
    }

    #[test]
    fn what_an_exporter_can_be_asked_for_is_bounded() {
        for (label, context, length) in [
            ("a", None, 1),
            (&"a".repeat(249), Some(65_535), 8160),
            ("EXPORTER-my label ~", Some(0), 32),
        ] {
            assert_eq!(refusal(label, context, length), None);
        }
        let sentence =
            |label: &str, context, length| refusal(label, context, length).expect("it is refused");
        assert_eq!(
            sentence("", None, 32),
            "an exporter's label has 1 to 249 bytes, not 0"
        );
        assert_eq!(
            sentence(&"a".repeat(250), None, 32),
            "an exporter's label has 1 to 249 bytes, not 250"
        );
        for length in [0, 8161, usize::MAX] {
            assert_eq!(
                sentence("a", None, length),
                format!("an exported key has 1 to 8160 bytes, not {length}")
            );
        }
        assert_eq!(
            sentence("a", Some(65_536), 32),
            "an exporter's context has 0 to 65535 bytes, not 65536"
        );
        for label in ["a\n", "\0", "é", "a\u{7f}"] {
            assert!(sentence(label, None, 32).contains("printable ASCII"));
        }
        for label in RESERVED {
            assert!(sentence(label, None, 32).contains("label of TLS itself"));
        }
    }
}
