//! What was measured, and its target.

/// A line of the table.
pub(super) struct Figure {
    /// For programs.
    pub(super) name: &'static str,
    /// For people.
    pub(super) what: &'static str,
    /// Of `host` and `baseline`.
    pub(super) unit: &'static str,
    /// This host's, or a sentence why it is not known.
    pub(super) host: Result<f64, String>,
    /// What it is compared with, if it is.
    pub(super) baseline: Option<Result<f64, String>>,
    pub(super) target: Target,
    /// What was counted.
    pub(super) note: String,
}

/// What a figure should reach.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Baseline through host: how many times less the host takes.
    RatioAtLeast(f64),
    /// Host through baseline: how many times as much the host takes.
    TimesAtMost(f64),
    /// Host less baseline.
    MoreAtMost(f64),
    /// The host's figure itself.
    AtMost(f64),
}

impl Figure {
    /// What is held against the target, or a sentence why it is not known.
    pub(super) fn value(&self) -> Result<f64, &str> {
        let host = self.host.as_ref().copied().map_err(String::as_str)?;
        let baseline = match &self.baseline {
            Some(baseline) => baseline.as_ref().copied().map_err(String::as_str)?,
            None => 0.0,
        };
        Ok(match self.target {
            Target::RatioAtLeast(_) => baseline / host,
            Target::TimesAtMost(_) => host / baseline,
            Target::MoreAtMost(_) => host - baseline,
            Target::AtMost(_) => host,
        })
    }

    /// Whether the target is reached; `None` if that is not known.
    pub(super) fn is_met(&self) -> Option<bool> {
        let value = self.value().ok()?;
        Some(match self.target {
            Target::RatioAtLeast(least) => value >= least,
            Target::TimesAtMost(most) | Target::MoreAtMost(most) | Target::AtMost(most) => {
                value <= most
            }
        })
    }
}

/// Both numbers, or for each the reason why there are none.
pub(super) fn split(
    both: Result<(f64, f64), String>,
) -> (Result<f64, String>, Result<f64, String>) {
    match both {
        Ok((one, other)) => (Ok(one), Ok(other)),
        Err(reason) => (Err(reason.clone()), Err(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Target};

    fn figure(host: f64, baseline: Option<Result<f64, String>>, target: Target) -> Figure {
        Figure {
            name: "",
            what: "",
            unit: "",
            host: Ok(host),
            baseline,
            target,
            note: String::new(),
        }
    }

    #[test]
    fn less_time_is_a_higher_ratio() {
        let figure = figure(200.0, Some(Ok(300.0)), Target::RatioAtLeast(1.5));
        assert_eq!((figure.value(), figure.is_met()), (Ok(1.5), Some(true)));
    }

    #[test]
    fn so_many_times_as_long_is_a_lower_figure_s_target() {
        let figure = figure(600.0, Some(Ok(400.0)), Target::TimesAtMost(1.25));
        assert_eq!((figure.value(), figure.is_met()), (Ok(1.5), Some(false)));
    }

    #[test]
    fn a_difference_may_be_as_large_as_the_target() {
        let figure = figure(7.5, Some(Ok(1.5)), Target::MoreAtMost(5.0));
        assert_eq!((figure.value(), figure.is_met()), (Ok(6.0), Some(false)));
    }

    #[test]
    fn without_its_baseline_a_figure_is_unknown() {
        let gone = Some(Err("not there".to_owned()));
        let figure = figure(1.0, gone, Target::RatioAtLeast(0.8));
        assert_eq!((figure.value(), figure.is_met()), (Err("not there"), None));
    }
}
