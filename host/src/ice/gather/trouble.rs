//! What is wrong with servers, in words.

use std::fmt;

/// Servers that are named for one cause; more are counted.
const MAX_NAMES: usize = 3;

/// A server, and why it cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) server: String,
    /// Part of a sentence.
    pub(super) cause: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, self.cause)
    }
}

/// The cause of a server's trouble that lets nothing be heard of it.
pub(super) fn silence(transport: impl fmt::Display, port: u16) -> String {
    format!("no answer, is {transport} port {port} blocked?")
}

/// All of them in part of a sentence, each cause once; `None` if there are none.
pub(super) fn sum_up(troubles: impl Iterator<Item = Trouble>) -> Option<String> {
    let mut causes: Vec<(String, Vec<String>)> = Vec::new();
    for Trouble { server, cause } in troubles {
        match causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, servers)) => servers.push(server),
            None => causes.push((cause, vec![server])),
        }
    }
    let each = causes.iter().map(|(cause, servers)| {
        let named = servers[..servers.len().min(MAX_NAMES)].join(", ");
        match servers.len() - servers.len().min(MAX_NAMES) {
            0 => format!("{named}: {cause}"),
            more => format!("{named} and {more} more: {cause}"),
        }
    });
    (!causes.is_empty()).then(|| each.collect::<Vec<_>>().join("; "))
}
