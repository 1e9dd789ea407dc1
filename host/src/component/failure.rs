//! Why a component has ended.
use crate::ice;
use crate::plugin::{self, CallName, Role};
use std::fmt;
use std::time::Duration;

/// Why a component has ended, if not in good order. Match it to tell causes apart; its `Display` is one sentence for
/// people, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// ICE has found no pair in time, or has lost the one it had and found no other.
    #[non_exhaustive]
    Ice {
        /// What was missing.
        cause: ice::Failure,
        /// What else is known: what is wrong with servers, and what the plugin has warned of.
        notes: Vec<String>,
    },
    /// The handshake has not finished in time.
    #[non_exhaustive]
    HandshakeTimeout {
        /// The plugin's id.
        plugin: String,
        /// How long it had from when ICE selected a pair.
        timeout: Duration,
        /// This side's part in it, if the plugin takes one and knows it.
        role: Option<Role>,
        /// What is known of why, or what a person should look at.
        why: String,
    },
    /// A call into the plugin has not returned in time; if it is `init`, its whole stream fails.
    #[non_exhaustive]
    CallTimeout {
        /// The plugin's id.
        plugin: String,
        /// The call.
        call: CallName,
        /// How long it had.
        timeout: Duration,
    },
    /// A call into the plugin has failed, or broke the contract: see [`plugin::Failure::kind`].
    Plugin(plugin::Failure),
    /// No socket could be bound.
    Bind {
        /// One sentence.
        message: String,
    },
    /// Another component of the stream could not start.
    Sibling {
        /// That component.
        component_id: u16,
    },
    /// The application has panicked where it was told something.
    Application {
        /// What it panicked with.
        message: String,
    },
}

impl Failure {
    /// The name of its kind for programs, the `kind` of JSON lines: `ice`, `handshake_timeout`, `init_timeout`,
    /// `call_timeout`, `plugin`, `bind`, `sibling` or `application`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ice { .. } => "ice",
            Self::HandshakeTimeout { .. } => "handshake_timeout",
            Self::CallTimeout { call, .. } if *call == CallName::Init => "init_timeout",
            Self::CallTimeout { .. } => "call_timeout",
            Self::Plugin(_) => "plugin",
            Self::Bind { .. } => "bind",
            Self::Sibling { .. } => "sibling",
            Self::Application { .. } => "application",
        }
    }

    /// Bytes that it takes beside itself and its [texts](Self::texts).
    pub(crate) fn boxed(&self) -> usize {
        match self {
            Self::Ice { cause, .. } => cause.boxed(),
            _ => 0,
        }
    }

    /// The texts that it holds: they take memory beside itself.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let [one, other] = match self {
            Self::Ice { cause, .. } => [cause.text(), None],
            Self::HandshakeTimeout { plugin, why, .. } => [Some(plugin), Some(why)],
            Self::CallTimeout { plugin, .. } => [Some(plugin), None],
            Self::Plugin(failure) => [Some(&failure.plugin), failure.detail.as_ref()],
            Self::Bind { message } | Self::Application { message } => [Some(message), None],
            Self::Sibling { .. } => [None, None],
        };
        let notes = match self {
            Self::Ice { notes, .. } => notes.as_slice(),
            _ => &[],
        };
        one.into_iter().chain(other).chain(notes)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ice { cause, notes } => {
                write!(f, "{cause}")?;
                notes.iter().try_for_each(|note| write!(f, "; {note}"))
            }
            Self::HandshakeTimeout {
                plugin,
                timeout,
                role,
                why,
            } => {
                let seconds = timeout.as_secs_f32();
                let as_role = role.map_or(String::new(), |role| format!(" (as {role})"));
                write!(
                    f,
                    "plugin {plugin}: handshake timed out {seconds} s after ICE connected{as_role}: {why}"
                )
            }
            Self::CallTimeout {
                plugin,
                call,
                timeout,
            } => {
                let (name, seconds) = (call.as_str(), timeout.as_secs_f32());
                let remedy = match call {
                    CallName::Init => "see what it waits for, or allow it more (init_timeout)",
                    _ => "tell its author, and run `handclasp check` on it",
                };
                write!(
                    f,
                    "plugin {plugin}: {name} has not returned within {seconds} s: {remedy}"
                )
            }
            Self::Plugin(failure) => failure.fmt(f),
            Self::Bind { message } => f.write_str(message),
            Self::Sibling { component_id } => {
                write!(f, "component {component_id} could not start")
            }
            Self::Application { message } => write!(f, "the application panicked: {message}"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Ice { cause, .. } => Some(cause),
            Self::Plugin(failure) => Some(failure),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use crate::ice;
    use crate::plugin::{CallName, Role};
    use std::time::Duration;

    #[test]
    fn each_has_a_kind_for_programs_and_a_sentence_for_people() {
        let plugin = || "none".to_owned();
        let timeout = Duration::from_millis(2500);
        let call_timeout = |call| Failure::CallTimeout {
            plugin: plugin(),
            call,
            timeout,
        };
        let ice = Failure::Ice {
            cause: ice::Failure::Disconnected {
                remote: ([192, 0, 2, 1], 5000).into(),
                silent: timeout,
            },
            notes: vec!["one".to_owned(), "another".to_owned()],
        };
        let handshake_timeout = |role| Failure::HandshakeTimeout {
            plugin: plugin(),
            timeout,
            role,
            why: "no datagram came".to_owned(),
        };
        let message = || "no more files".to_owned();
        for (failure, kind, sentence) in [
            (
                ice,
                "ice",
                "ICE failed: disconnected from 192.0.2.1:5000, no answer for 2 s: is the peer running, and its network \
                 up?; one; another",
            ),
            (
                handshake_timeout(Some(Role::Initiator)),
                "handshake_timeout",
                "plugin none: handshake timed out 2.5 s after ICE connected (as initiator): no datagram came",
            ),
            (
                handshake_timeout(None),
                "handshake_timeout",
                "plugin none: handshake timed out 2.5 s after ICE connected: no datagram came",
            ),
            (
                call_timeout(CallName::Init),
                "init_timeout",
                "plugin none: init has not returned within 2.5 s: see what it waits for, or allow it more \
                 (init_timeout)",
            ),
            (
                call_timeout(CallName::OnWake),
                "call_timeout",
                "plugin none: on_wake has not returned within 2.5 s: tell its author, and run `handclasp check` on it",
            ),
            (
                Failure::Bind { message: message() },
                "bind",
                "no more files",
            ),
            (
                Failure::Sibling { component_id: 2 },
                "sibling",
                "component 2 could not start",
            ),
            (
                Failure::Application { message: message() },
                "application",
                "the application panicked: no more files",
            ),
        ] {
            assert_eq!(
                (failure.kind(), failure.to_string().as_str()),
                (kind, sentence)
            );
        }
    }

    #[test]
    fn all_its_texts_are_counted() {
        let failure = Failure::Ice {
            cause: ice::Failure::NoRelay {
                refusal: "refused".to_owned(),
            },
            notes: vec!["one".to_owned()],
        };
        assert_eq!(failure.texts().collect::<Vec<_>>(), ["refused", "one"]);
    }
}
