//! One side of a comparison, and taking turns.
use std::time::Duration;

/// Something that can be done again and again.
pub(super) trait Side {
    /// Does it `count` times. Returns the CPU time that took, or a sentence why it cannot be measured.
    fn run(&mut self, count: u64) -> Result<Duration, String>;
}

/// How often the sides take turns: what else the machine does meets all of them.
const TURNS: u32 = 12;
/// Short of this a turn is no measure for how many more can be done.
const WARM: Duration = Duration::from_millis(50);

/// Nanoseconds of CPU time each side takes for one, the median of its turns. Each side has about `time`.
pub(super) fn measure<const N: usize>(
    sides: [&mut dyn Side; N],
    time: Duration,
) -> [Result<f64, String>; N] {
    let mut courses = sides.map(|side| Course::warmed_up(side, time / TURNS));
    for _ in 0..TURNS {
        for course in &mut courses {
            course.turn();
        }
    }
    courses.map(Course::median)
}

struct Course<'a> {
    side: &'a mut dyn Side,
    /// How many make a turn, or why none can be had.
    count: Result<u64, String>,
    turns: Vec<f64>,
}

impl<'a> Course<'a> {
    /// Finds out how many make a turn of about `time`.
    fn warmed_up(side: &'a mut dyn Side, time: Duration) -> Self {
        let mut count = 1;
        let count = loop {
            match side.run(count) {
                Ok(taken) if taken < WARM => count *= 2,
                Ok(taken) => {
                    let share = time.as_secs_f64() / taken.as_secs_f64();
                    break Ok(((count as f64 * share) as u64).max(1));
                }
                Err(reason) => break Err(reason),
            }
        };
        Self {
            side,
            count,
            turns: Vec::new(),
        }
    }

    fn turn(&mut self) {
        let Ok(count) = self.count else {
            return;
        };
        match self.side.run(count) {
            Ok(taken) => self.turns.push(taken.as_nanos() as f64 / count as f64),
            Err(reason) => self.count = Err(reason),
        }
    }

    fn median(self) -> Result<f64, String> {
        self.count?;
        Ok(median(self.turns))
    }
}

/// The middle of what was measured, or between the two in the middle.
///
/// # Panics
/// Nothing was measured.
pub(super) fn median(mut measured: Vec<f64>) -> f64 {
    measured.sort_by(f64::total_cmp);
    let middle = measured.len() / 2;
    match measured.len().is_multiple_of(2) {
        true => (measured[middle - 1] + measured[middle]) / 2.0,
        false => measured[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::{Side, measure, median};
    use std::time::Duration;

    /// Takes so many nanoseconds for each; in every third turn ten times as many.
    struct Fake {
        nanos: u64,
        turns: u32,
    }

    impl Side for Fake {
        fn run(&mut self, count: u64) -> Result<Duration, String> {
            self.turns += 1;
            let disturbed = if self.turns.is_multiple_of(3) { 10 } else { 1 };
            Ok(Duration::from_nanos(self.nanos * count * disturbed))
        }
    }

    struct Missing;

    impl Side for Missing {
        fn run(&mut self, _count: u64) -> Result<Duration, String> {
            Err("not there".to_owned())
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn a_disturbed_turn_does_not_count() {
        let [slow, fast] = measure(
            [
                &mut Fake {
                    nanos: 700,
                    turns: 0,
                },
                &mut Fake {
                    nanos: 300,
                    turns: 0,
                },
            ],
            Duration::from_secs(3),
        );
        assert_eq!((slow, fast), (Ok(700.0), Ok(300.0)));
    }

    #[test]
    fn a_missing_side_does_not_stop_the_others() {
        let [here, gone] = measure(
            [&mut Fake { nanos: 5, turns: 0 }, &mut Missing],
            Duration::from_secs(1),
        );
        assert_eq!(here, Ok(5.0));
        assert_eq!(gone, Err("not there".to_owned()));
    }
}
