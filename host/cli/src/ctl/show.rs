//! The daemon's answers for people.
use super::table::{cell, duration, print};
use crate::stdio;
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// One line, whatever many parts the answer has.
pub(super) fn as_json(answers: &[Object]) -> Value {
    let mut answers = answers.iter().cloned();
    let mut all = answers.next().unwrap_or_default();
    for part in answers {
        for (field, value) in part {
            match (all.get_mut(&field), value) {
                (Some(Value::Array(values)), Value::Array(more)) => values.extend(more),
                (_, value) => drop(all.insert(field, value)),
            }
        }
    }
    all.remove("more");
    Value::Object(all)
}

fn objects<'a>(of: &'a Object, field: &str) -> impl Iterator<Item = &'a Object> {
    let values = of.get(field).and_then(Value::as_array);
    values.into_iter().flatten().filter_map(Value::as_object)
}

pub(super) fn status(status: &Object) {
    let draining = match status.get("draining") == Some(&json!(true)) {
        true => ", draining",
        false => "",
    };
    let predecessor = match status.get("predecessor") {
        Some(process) => format!("; process {process}, which it has taken over from, has streams"),
        None => String::new(),
    };
    stdio::say(format!(
        "handclasp {}, process {}, for {}: {} streams, {} of them not ready yet{draining}{predecessor}",
        cell(status, "version"),
        cell(status, "process"),
        duration(status, "seconds"),
        cell(status, "streams"),
        cell(status, "half_open"),
    ));
}

pub(super) fn streams(answers: &[Object]) {
    let row = |stream: &Object| {
        let remote = objects(stream, "components").map(|one| cell(one, "remote"));
        vec![
            cell(stream, "stream"),
            format!("{} {}", cell(stream, "plugin"), cell(stream, "generation")),
            cell(stream, "state"),
            duration(stream, "seconds"),
            remote.collect::<Vec<_>>().join(" "),
        ]
    };
    let all = answers.iter().flat_map(|answer| objects(answer, "streams"));
    let mut rows: Vec<_> = all.map(row).collect();
    rows.sort_unstable();
    print(&["STREAM", "PLUGIN", "STATE", "FOR", "REMOTE"], &rows);
}

pub(super) fn stream(stream: &Object) {
    stdio::say(format!(
        "{} with {} generation {}, for {}: {}",
        cell(stream, "stream"),
        cell(stream, "plugin"),
        cell(stream, "generation"),
        duration(stream, "seconds"),
        cell(stream, "state"),
    ));
    let row = |component: &Object| {
        vec![
            cell(component, "component_id"),
            cell(component, "state"),
            cell(component, "transport"),
            cell(component, "local"),
            cell(component, "remote"),
            duration(component, "connected_after"),
            duration(component, "ready_after"),
        ]
    };
    let rows: Vec<_> = objects(stream, "components").map(row).collect();
    let headings = [
        "COMPONENT",
        "STATE",
        "OVER",
        "LOCAL",
        "REMOTE",
        "CONNECTED",
        "READY",
    ];
    print(&headings, &rows);
    for component in objects(stream, "components") {
        if component.contains_key("reason") {
            let id = cell(component, "component_id");
            stdio::say(format!("component {id}: {}", cell(component, "reason")));
        }
    }
}

pub(super) fn plugins(answer: &Object) {
    let mut rows = Vec::new();
    for plugin in objects(answer, "plugins") {
        let mut generations: Vec<_> = objects(plugin, "generations").collect();
        let none = Object::new();
        if generations.is_empty() {
            generations.push(&none);
        }
        for generation in generations {
            let state = match generation.contains_key("state") {
                true => cell(generation, "state"),
                false => cell(plugin, "state"),
            };
            rows.push(vec![
                cell(plugin, "plugin"),
                cell(generation, "generation"),
                state,
                cell(generation, "version"),
                cell(generation, "streams"),
                cell(generation, "ready"),
                cell(generation, "failed"),
                cell(generation, "sha256").chars().take(12).collect(),
                cell(generation, "file"),
            ]);
        }
    }
    let headings = [
        "PLUGIN", "GEN", "STATE", "VERSION", "STREAMS", "READY", "FAILED", "SHA256", "FILE",
    ];
    print(&headings, &rows);
    for plugin in objects(answer, "plugins") {
        if plugin.contains_key("reason") {
            stdio::say(format!(
                "{} ({}): {}",
                cell(plugin, "plugin"),
                cell(plugin, "state"),
                cell(plugin, "reason")
            ));
        }
    }
}

pub(super) fn reload(answer: &Object) {
    let list = |field: &str| {
        let values = answer.get(field).and_then(Value::as_array);
        values.into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    for changed in list("changed") {
        stdio::say(format!(
            "in force: {}",
            changed.as_str().unwrap_or_default()
        ));
    }
    for loaded in list("loaded") {
        let id = loaded[0].as_str().unwrap_or_default();
        stdio::say(format!("plugin {id}: generation {}", loaded[1]));
    }
    for retired in list("retired") {
        stdio::say(format!(
            "plugin {}: removed",
            retired.as_str().unwrap_or_default()
        ));
    }
    for sentence in list("restart_needed") {
        stdio::say(sentence.as_str().unwrap_or_default());
    }
}

/// Its name, and its fields behind that, but for the sign of news: all are.
pub(super) fn event(event: &Object) {
    let fields = event
        .keys()
        .filter(|field| !matches!(field.as_str(), "event" | "news"));
    let fields = fields.map(|field| format!("{field}={}", cell(event, field)));
    stdio::say(format!(
        "{} {}",
        cell(event, "event"),
        fields.collect::<Vec<_>>().join(" ")
    ));
}
