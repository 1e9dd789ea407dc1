//! That the list of metrics is the documentation's and the dashboard's.
use super::*;
use serde_json::Value;
use std::collections::BTreeSet;

const DOCUMENTATION: &str = include_str!("../../../../docs/operations.md");
const DASHBOARD: &str = include_str!("../../../../packaging/grafana/handclasp.json");

/// Name, kind and labels of each.
fn described() -> BTreeSet<(String, String, String)> {
    let metrics = Metrics::new(3478);
    let described = metrics.registered.described().iter();
    described
        .map(|it| (it.name.to_owned(), it.kind.to_owned(), it.labels.join(", ")))
        .collect()
}

#[test]
fn the_documentation_lists_every_metric_with_its_labels() {
    let rows = DOCUMENTATION.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = fields.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        let is_metric = name.starts_with("handclasp_") || name.starts_with("process_");
        let field = |number: usize| fields.get(number).map(|it| it.replace('`', ""));
        is_metric.then(|| Some((name.to_owned(), field(2)?, field(3)?)))?
    });
    let documented: BTreeSet<_> = rows.collect();
    assert_eq!(documented, described());
}

#[test]
fn the_dashboard_asks_for_metrics_there_are_and_for_all_of_ours() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("it is JSON");
    let mut expressions = String::new();
    gather(&dashboard, &mut expressions);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expressions.split(|c| !is_part(c));
    let asked = words.filter(|word| word.starts_with("handclasp_") || word.starts_with("process_"));
    let asked: BTreeSet<&str> = asked
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word))
        .collect();
    let described = described();
    let there: BTreeSet<&str> = described.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(asked, there);
}

/// What is asked of Prometheus.
fn gather(value: &Value, expressions: &mut String) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| match value {
            Value::String(text) if key == "expr" || key == "query" => {
                *expressions += text;
                *expressions += "\n";
            }
            value => gather(value, expressions),
        }),
        Value::Array(values) => values.iter().for_each(|value| gather(value, expressions)),
        _ => {}
    }
}

#[test]
fn the_series_of_a_generation_end_with_it() {
    let metrics = Metrics::new(3478);
    for number in ["1", "2"] {
        let labels = ["mine", number];
        metrics.streams.count_for_test(labels);
    }
    let text = metrics.text().expect("it can be written");
    assert!(text.contains(r#"generation="1""#), "{text}");
    metrics.take(&News::GenerationEnded {
        id: "mine".to_owned(),
        generation: 1,
    });
    let text = metrics.text().expect("it can be written");
    assert!(!text.contains(r#"generation="1""#), "{text}");
    assert!(text.contains(r#"generation="2""#), "{text}");
    assert!(
        text.contains(r#"handclasp_generations_ended_total{plugin="mine"} 1"#),
        "{text}"
    );
}
