//! The peer's candidates of a generation that is still to come.
use std::collections::VecDeque;

/// Most of them that wait, and most bytes of one; the oldest leave first.
const MAX_WAITING: usize = 64;
const MAX_LENGTH: usize = 1024;

/// Candidates that name credentials which have not come, by the ufrag in their line.
#[derive(Debug, Default)]
pub(super) struct Early {
    waiting: VecDeque<(u16, String)>,
}

impl Early {
    /// Keeps a candidate of a component until its credentials are there. Returns the line that is dropped for it: the
    /// oldest, or itself if it is longer than any that makes sense.
    pub(super) fn keep(&mut self, component_id: u16, line: &str) -> Option<String> {
        let candidate = (component_id, line.to_owned());
        if line.len() > MAX_LENGTH {
            return Some(line.chars().take(40).chain(['…']).collect());
        }
        if self.waiting.contains(&candidate) {
            return None;
        }
        self.waiting.push_back(candidate);
        if self.waiting.len() <= MAX_WAITING {
            return None;
        }
        self.waiting.pop_front().map(|(_, line)| line)
    }

    /// Those whose credentials have come.
    pub(super) fn take(&mut self, ufrag: &str) -> Vec<(u16, String)> {
        let (ready, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, line)| ufrag_of(line) == Some(ufrag));
        self.waiting = waiting;
        Vec::from(ready)
    }
}

/// The ufrag that a candidate's line names: an extension that browsers write, behind the address and the type
/// (RFC 8839, section 5.1, `cand-extension`).
pub(super) fn ufrag_of(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace().skip(8);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if name == "ufrag" {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> String {
        format!("candidate:1 1 udp 1 192.0.2.1 {number} typ host ufrag next")
    }

    #[test]
    fn the_oldest_leaves_for_one_too_many_and_is_named() {
        let mut early = Early::default();
        for number in 0..MAX_WAITING {
            assert_eq!(early.keep(1, &line(number)), None);
            assert_eq!(early.keep(1, &line(number)), None, "it waits already");
        }
        assert_eq!(early.keep(2, &line(0)), Some(line(0)));
        let taken = early.take("next");
        assert_eq!(taken.len(), MAX_WAITING);
        assert_eq!(
            (&taken[0], &taken[MAX_WAITING - 1]),
            (&(1, line(1)), &(2, line(0)))
        );
    }

    #[test]
    fn one_that_is_too_long_is_named_in_short() {
        let mut early = Early::default();
        let long = line(1) + &"ä".repeat(MAX_LENGTH);
        let named = early.keep(1, &long).expect("it is not kept");
        assert_eq!(named, "candidate:1 1 udp 1 192.0.2.1 1 typ host…");
        assert!(early.take("next").is_empty());
    }
}
