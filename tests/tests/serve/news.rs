//! News on a control connection.
use handclasp_tests::{Daemon, plugins};
use serde_json::{Value, json};

/// Stops a stream, and returns all that is told up to the answer to a request after its end was told.
fn told_of_the_end(controller: &mut handclasp_tests::Controller, name: &str) -> Vec<Value> {
    let mut other = Vec::new();
    controller.send(&json!({"stream": name, "message": "stop"}));
    let (mut has_stopped, mut is_news) = (false, false);
    while !(has_stopped && is_news) {
        let line = controller.event(|_| true);
        has_stopped |= line["event"] == "stopped";
        is_news |= line["event"] == "stream_ended";
        other.push(line);
    }
    controller.send(&json!({"request": "status"}));
    loop {
        let line = controller.read().expect("the daemon answers");
        match line.get("response") {
            Some(_) => return other,
            None => other.push(line),
        }
    }
}

#[test]
fn a_second_subscription_is_answered_and_changes_nothing() {
    let daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    for request in [
        json!({"request": "subscribe", "id": 1, "events": ["stream_ended"]}),
        json!({"request": "subscribe", "id": 2}),
        json!({"request": "subscribe", "id": 3, "events": ["stream_opened"]}),
    ] {
        let answered = controller.ask(&request);
        assert_eq!(
            (&answered["id"], answered.get("error")),
            (&request["id"], None)
        );
    }
    let opened = controller.ask(&json!({"request": "open", "name": "a"}));
    assert_eq!(opened["stream"], "a", "{opened}");
    let told = told_of_the_end(&mut controller, "a");
    let news: Vec<_> = told.iter().filter(|line| line["news"] == true).collect();
    let expected = json!({"event": "stream_ended", "stream": "a", "news": true});
    assert_eq!(news, [&expected], "once, and no others");
    // Another connection hears what it has asked for.
    let mut other = daemon.controller();
    other.ask(&json!({"request": "subscribe", "events": ["stream_opened"]}));
    controller.ask(&json!({"request": "open", "name": "b"}));
    assert_eq!(other.event(|_| true)["stream"], "b");
}

#[test]
fn news_and_a_streams_events_are_told_apart_by_one_field() {
    let daemon = Daemon::start(&plugins(), "");
    let mut controller = daemon.controller();
    controller.ask(&json!({"request": "subscribe"}));
    let names = controller.pair(&json!({}));
    let mut lines: Vec<Value> = Vec::new();
    for name in &names {
        lines.extend(told_of_the_end(&mut controller, name));
    }
    controller.ask(&json!({"request": "open", "plugin": "nosuch"}));
    lines.push(controller.event(|line| line["event"] == "open_refused"));
    controller.send(&json!({"stream": "nobody", "message": "stop"}));
    lines.push(controller.event(|line| line["event"] == "error"));
    controller.ask(&json!({"request": "drain"}));
    lines.push(controller.event(|line| line["event"] == "draining"));
    let names_of = |are_news: bool| {
        let lines = lines
            .iter()
            .filter(|line| line.get("news").is_some() == are_news);
        let mut names: Vec<_> = lines.filter_map(|line| line["event"].as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let news = [
        "draining",
        "open_refused",
        "stream_ended",
        "stream_opened",
        "stream_ready",
    ];
    assert_eq!(names_of(true), news);
    let others = names_of(false);
    assert!(
        others.contains(&"stopped") && others.contains(&"error"),
        "{others:?}"
    );
    assert!(others.iter().all(|name| !news.contains(name)), "{others:?}");
}
