//! What the demo prints.
use super::progress::{Progress, SideProgress};
use crate::signalling::Side;
use crate::stdio;
use anstyle::{AnsiColor, Style};
use handclasp::control::{Event, Secrets};
use handclasp::counted;
use handclasp::plugin::Plugin;
use handclasp::stream::Notification;
use serde_json::{Value, json};
use std::env;
use std::path::Path;
use std::time::Duration;

/// Prints for people, or one JSON object for each event.
pub(super) struct Show {
    json: bool,
    plugins: [PluginName; 2],
}

#[derive(Clone, Debug, PartialEq)]
struct PluginName {
    id: String,
    version: String,
    sha256: String,
    file: String,
}

/// Something worth a line.
pub(super) enum Line<'a> {
    Notification(&'a Notification),
    KeysMatch {
        component_id: u16,
        profile: Option<&'static str>,
    },
    /// In a format of the plugin's own, which may be each side's own view.
    DataDiffer {
        component_id: u16,
    },
}

const DIM: Style = Style::new().dimmed();
const GOOD: Style = Style::new()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)))
    .bold();
const BAD: Style = Style::new()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)))
    .bold();

/// A file below the working directory by its path from there; another one as it is.
fn from_here(file: &Path) -> &Path {
    let below = env::current_dir().and_then(|here| here.canonicalize());
    let below = below.map(|here| file.strip_prefix(here).unwrap_or(file));
    below.unwrap_or(file)
}

impl Show {
    pub(super) fn new(json: bool, plugins: [&Plugin; 2]) -> Self {
        let name = |plugin: &Plugin| {
            let description = plugin.description();
            PluginName {
                id: description.id.clone(),
                version: description.version.clone(),
                sha256: description.sha256.clone(),
                file: from_here(&description.file).display().to_string(),
            }
        };
        Self {
            json,
            plugins: plugins.map(name),
        }
    }

    pub(super) fn start(&self) {
        if self.json {
            return;
        }
        let [a, b] = &self.plugins;
        if a == b {
            stdio::say(format_args!(
                "Two peers, a and b, shake hands with {} {} from {}",
                a.id, a.version, a.file
            ));
        } else {
            stdio::say(format_args!(
                "Peer a shakes hands with {} {} from {}",
                a.id, a.version, a.file
            ));
            stdio::say(format_args!(
                "Peer b shakes hands with {} {} from {}",
                b.id, b.version, b.file
            ));
        }
    }

    pub(super) fn line(&self, after: Duration, side: Side, line: &Line<'_>) {
        if self.json {
            let mut event = match line {
                Line::Notification(notification) => as_json(notification),
                Line::KeysMatch {
                    component_id,
                    profile,
                } => {
                    json!({"event": "keys_match", "component_id": component_id, "profile": profile})
                }
                Line::DataDiffer { component_id } => {
                    json!({"event": "handshake_data_differ", "component_id": component_id})
                }
            };
            event["ms"] = millis(after);
            if matches!(line, Line::Notification(_)) {
                event["peer"] = side.as_str().into();
            }
            return stdio::say(event);
        }
        let who = match line {
            Line::Notification(_) => side.as_str(),
            Line::KeysMatch { .. } | Line::DataDiffer { .. } => "both",
        };
        if let Some(words) = in_words(line) {
            stdio::say(format_args!(
                "{DIM}{:>9.1} ms{DIM:#}  {who:<4}  {words}",
                ms(after)
            ));
        }
    }

    pub(super) fn waiting(&self, after: Duration) {
        if !self.json {
            stdio::say(format_args!(
                "{DIM}{:>9.1} ms  ...   still trying{DIM:#}",
                ms(after)
            ));
        }
    }

    pub(super) fn done(
        &self,
        components: &[Progress],
        datagrams: u32,
        total: Duration,
        problem: Option<&str>,
    ) {
        let received: u32 = components
            .iter()
            .flat_map(|c| &c.sides)
            .map(|side| side.received)
            .sum();
        let sent = datagrams * 2 * u32::try_from(components.len()).unwrap_or(u32::MAX);
        if self.json {
            return stdio::say(self.summary(components, sent, received, total, problem));
        }
        let lost = sent.saturating_sub(received);
        match problem {
            None => stdio::say(format_args!(
                "{GOOD}Done{GOOD:#} in {:.1} ms: {received} of {sent} datagrams arrived, {lost} lost",
                ms(total)
            )),
            Some(_) => stdio::say(format_args!("{BAD}Failed{BAD:#} after {:.1} ms", ms(total))),
        }
    }

    fn summary(
        &self,
        components: &[Progress],
        sent: u32,
        received: u32,
        total: Duration,
        problem: Option<&str>,
    ) -> Value {
        let [a, b] = &self.plugins;
        let plugin = |name: &PluginName| json!({"id": name.id, "version": name.version, "sha256": name.sha256});
        let later = |of: fn(&SideProgress) -> Option<Duration>, progress: &Progress| {
            let [a, b] = &progress.sides;
            of(a).zip(of(b)).map(|(a, b)| millis(a.max(b)))
        };
        let components: Vec<Value> = components
            .iter()
            .zip(1..)
            .map(|(progress, component_id): (_, u16)| {
                json!({
                    "component_id": component_id,
                    "selected_ms": later(|side| side.selected, progress),
                    "finished_ms": later(|side| side.finished, progress),
                })
            })
            .collect();
        json!({
            "event": "demo_done",
            "ok": problem.is_none(),
            "plugin": plugin(a),
            "peer_plugin": plugin(b),
            "components": components,
            "datagrams_sent": sent,
            "datagrams_received": received,
            "ms": millis(total),
            "error": problem,
        })
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// To the microsecond.
fn millis(duration: Duration) -> Value {
    ((ms(duration) * 1000.0).round() / 1000.0).into()
}

fn in_words(line: &Line<'_>) -> Option<String> {
    let notification = match line {
        Line::Notification(notification) => notification,
        Line::KeysMatch {
            component_id,
            profile: Some(profile),
        } => {
            return Some(format!(
                "component {component_id}: {GOOD}keys match{GOOD:#}, {profile}"
            ));
        }
        Line::KeysMatch {
            component_id,
            profile: None,
        } => {
            return Some(format!("component {component_id}: both sides agree"));
        }
        Line::DataDiffer { component_id } => {
            return Some(format!(
                "component {component_id}: the sides' handshake data differ, as they may in a format of the plugin's own"
            ));
        }
    };
    Some(match notification {
        Notification::HandshakeInitData {
            component_id,
            init_data,
            ..
        } if init_data.is_empty() => {
            format!("component {component_id}: handshake prepared")
        }
        Notification::HandshakeInitData {
            component_id,
            init_data,
            ..
        } => {
            format!(
                "component {component_id}: handshake prepared, {} for the peer",
                counted(init_data.len(), "byte")
            )
        }
        Notification::LocalCredentials { .. } => "ICE credentials made".to_owned(),
        Notification::NewCandidateFull {
            component_id,
            candidate,
        } => {
            format!("component {component_id}: {candidate}")
        }
        Notification::NewSelectedPair { component_id, pair } => {
            format!("component {component_id}: selected pair {pair}")
        }
        Notification::HandshakeData { component_id, data } => {
            format!(
                "component {component_id}: handshake finished, {} agreed on (not shown)",
                counted(data.len(), "byte")
            )
        }
        Notification::ComponentStateReady { component_id, .. } => {
            format!("component {component_id}: ready")
        }
        Notification::ComponentStateDisconnected { component_id } => {
            format!("component {component_id}: the peer is silent")
        }
        Notification::ComponentStateFailed {
            component_id,
            reason,
        } => {
            format!("component {component_id}: {BAD}failed{BAD:#}: {reason}")
        }
        Notification::ComponentClosed { component_id, .. } => {
            format!("component {component_id}: closed")
        }
        Notification::CouldNotSendPayload {
            component_id,
            reason,
        } => {
            format!("component {component_id}: not sent: {reason}")
        }
        Notification::Warning { warning } => format!("warning: {warning}"),
        Notification::CandidateGatheringDone
        | Notification::NewRemoteCandidateFull { .. }
        | Notification::ExportedKey { .. }
        | Notification::CouldNotExportKey { .. }
        | Notification::LocalSdp { .. }
        | Notification::Stopped => return None,
        other => Event::new(other, Secrets::Redacted).name().to_owned(),
    })
}

/// As `stream` says it, but for secrets: those are not shown.
fn as_json(notification: &Notification) -> Value {
    serde_json::to_value(Event::new(notification, Secrets::Redacted))
        .expect("an event has string keys and nothing else that could fail")
}
