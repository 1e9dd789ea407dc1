//! The rows of the table, and which of them are asked for.
use super::figure::Figure;
use super::setup::Setup;
use super::{alone, calls, control, first, floor, forward, idle, loops, memory, port, start};
use crate::exit::Failed;

/// What is measured in one go: a row, or several that are compared with the same.
pub(super) struct Group {
    rows: &'static [&'static str],
    measure: fn(&Setup<'_>) -> Result<Vec<Figure>, Failed>,
}

/// In the order in which they are measured and shown. Memory comes first: what other measurements have freed would be
/// used again.
const GROUPS: [Group; 13] = [
    Group {
        rows: &["memory"],
        measure: |setup| Ok(vec![memory::figure(setup)?]),
    },
    Group {
        rows: &["session_floor", "session_openssl"],
        measure: floor::figures,
    },
    Group {
        rows: &["session_alone"],
        measure: |setup| Ok(vec![alone::figure(setup)?]),
    },
    Group {
        rows: &["session_loops"],
        measure: |setup| Ok(vec![loops::figure(setup)]),
    },
    Group {
        rows: &["session_port", "session_own_ports"],
        measure: |setup| Ok(port::sessions(setup)),
    },
    Group {
        rows: &["open_control", "stream_control"],
        measure: control::figures,
    },
    Group {
        rows: &["session_first"],
        measure: |_| Ok(vec![first::figure()]),
    },
    Group {
        rows: &["start"],
        measure: |setup| Ok(vec![start::figure(setup)]),
    },
    Group {
        rows: &["call"],
        measure: |setup| Ok(vec![calls::figure(setup)]),
    },
    Group {
        rows: &["forward"],
        measure: |setup| Ok(vec![forward::one_peer(setup)?]),
    },
    Group {
        rows: &["forward_100"],
        measure: |setup| Ok(vec![forward::many_peers(setup)?]),
    },
    Group {
        rows: &["forward_port", "forward_own_ports"],
        measure: |setup| Ok(port::datagrams(setup)),
    },
    Group {
        rows: &["idle"],
        measure: |setup| Ok(vec![idle::figure(setup)?]),
    },
];

/// The groups in which rows of these names stand; all if there are no names.
pub(super) fn select(only: &[String]) -> impl Iterator<Item = &'static Group> {
    GROUPS.iter().filter(|group| group.has_any(only))
}

/// The names of all rows.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|group| group.rows.iter().copied())
}

impl Group {
    fn has_any(&self, only: &[String]) -> bool {
        self.rows.iter().any(|row| is_wanted(row, only))
    }

    /// Its rows, without those that were not asked for.
    ///
    /// # Errors
    /// There is no host to measure. A figure that cannot be had says so itself.
    pub(super) fn measure(
        &self,
        setup: &Setup<'_>,
        only: &[String],
    ) -> Result<Vec<Figure>, Failed> {
        let mut figures = (self.measure)(setup)?;
        debug_assert!(
            figures
                .iter()
                .map(|it| it.name)
                .eq(self.rows.iter().copied())
        );
        figures.retain(|figure| is_wanted(figure.name, only));
        Ok(figures)
    }
}

fn is_wanted(row: &str, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|name| name == row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(only: &[&str]) -> Vec<&'static [&'static str]> {
        let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
        select(&only).map(|group| group.rows).collect()
    }

    #[test]
    fn a_group_is_measured_for_any_of_its_rows_and_once() {
        let both: &[&str] = &["session_floor", "session_openssl"];
        assert_eq!(selected(&["session_openssl"]), [both]);
        assert_eq!(selected(&["session_openssl", "session_floor"]), [both]);
        assert_eq!(selected(&["call", "memory"]), [["memory"], ["call"]]);
        assert_eq!(selected(&[]).len(), GROUPS.len(), "all");
    }

    #[test]
    fn names_differ() {
        let mut sorted: Vec<_> = names().collect();
        let count = sorted.len();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), count);
    }
}
