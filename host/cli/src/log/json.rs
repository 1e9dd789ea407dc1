//! Lines that are JSON objects.
use serde_json::{Map, Value, json};
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

/// An event as one object: `time`, `level`, `target`, `message`, and `fields` if it has any.
pub(super) struct Json;

/// The same for a sentence that is no event.
pub(super) fn line(level: Level, target: &str, message: &str) -> String {
    let fields = Fields {
        message: message.to_owned(),
        others: Map::new(),
    };
    object(level, target, fields)
}

fn object(level: Level, target: &str, fields: Fields) -> String {
    let mut time = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut time)); // a text takes all of it
    let mut object = Map::new();
    object.insert("time".to_owned(), json!(time));
    object.insert("level".to_owned(), json!(level.as_str().to_lowercase()));
    object.insert("target".to_owned(), json!(target));
    object.insert("message".to_owned(), json!(fields.message));
    if !fields.others.is_empty() {
        object.insert("fields".to_owned(), Value::Object(fields.others));
    }
    Value::Object(object).to_string()
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let object = object(*metadata.level(), metadata.target(), fields);
        writeln!(writer, "{object}")
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => drop(self.others.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is said, it is one line.
        #[test]
        fn a_sentence_is_one_object_on_one_line(sentence in any::<String>(), target in any::<String>()) {
            let line = line(Level::WARN, &target, &sentence);
            prop_assert!(!line.contains(|c: char| c.is_ascii_control()));
            let read: Value = serde_json::from_str(&line).expect("it is JSON");
            prop_assert_eq!(&read["message"], &json!(sentence));
            prop_assert_eq!(&read["target"], &json!(target));
            prop_assert_eq!(&read["level"], &json!("warn"));
            prop_assert!(read["time"].as_str().is_some_and(|time| time.ends_with('Z')));
        }
    }
}
