//! Jobs of many streams, in a fair order.
use crate::net::keys::StreamKey;
use std::collections::{HashMap, VecDeque};

/// A queue from which streams are served in turn, each with a bounded number of jobs under way.
#[derive(Debug)]
pub(super) struct Fair<T> {
    lanes: HashMap<StreamKey, Lane<T>>,
    /// The streams of which a job may be taken, each once.
    turns: VecDeque<StreamKey>,
    per_stream: usize,
}

/// The jobs of one stream.
#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    under_way: usize,
}

impl<T> Fair<T> {
    /// Of each stream, at most `per_stream` jobs are under way at a time.
    pub(super) fn new(per_stream: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            per_stream,
        }
    }

    pub(super) fn push(&mut self, stream: StreamKey, job: T) {
        let lane = self.lanes.entry(stream).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            under_way: 0,
        });
        lane.waiting.push_back(job);
        if lane.waiting.len() == 1 && lane.under_way < self.per_stream {
            self.turns.push_back(stream);
        }
    }

    /// Takes the next job. It is under way until [`finish`](Self::finish).
    pub(super) fn pop(&mut self) -> Option<(StreamKey, T)> {
        let stream = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&stream)?;
        let job = lane.waiting.pop_front()?;
        lane.under_way += 1;
        if !lane.waiting.is_empty() && lane.under_way < self.per_stream {
            self.turns.push_back(stream);
        }
        Some((stream, job))
    }

    /// A job of the stream's is not under way any more.
    pub(super) fn finish(&mut self, stream: StreamKey) {
        let Some(lane) = self.lanes.get_mut(&stream) else {
            return;
        };
        let was_full = lane.under_way == self.per_stream;
        lane.under_way -= 1;
        match lane.waiting.is_empty() {
            false if was_full => self.turns.push_back(stream),
            true if lane.under_way == 0 => drop(self.lanes.remove(&stream)),
            false | true => {}
        }
    }

    /// Takes out the waiting jobs of a stream that are not wanted any more.
    #[must_use = "they may take their time to drop"]
    pub(super) fn take_unwanted(
        &mut self,
        stream: StreamKey,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Vec<T> {
        let Some(lane) = self.lanes.get_mut(&stream) else {
            return Vec::new();
        };
        let (kept, unwanted) = lane.waiting.drain(..).partition(|job| wanted(job));
        lane.waiting = kept;
        if lane.waiting.is_empty() {
            self.turns.retain(|turn| *turn != stream);
            if lane.under_way == 0 {
                self.lanes.remove(&stream);
            }
        }
        Vec::<T>::from(unwanted)
    }

    /// Takes out all waiting jobs.
    #[must_use = "they may take their time to drop"]
    pub(super) fn take_all(&mut self) -> Vec<T> {
        self.turns.clear();
        let lanes = self.lanes.values_mut();
        let waiting = lanes.flat_map(|lane| lane.waiting.drain(..)).collect();
        self.lanes.retain(|_, lane| lane.under_way > 0);
        waiting
    }

    /// Whether jobs wait, be it for others of their stream's.
    pub(super) fn has_waiting(&self) -> bool {
        self.lanes.values().any(|lane| !lane.waiting.is_empty())
    }

    /// How many jobs may be taken now, counted up to `most`.
    pub(super) fn ready(&self, most: usize) -> usize {
        let mut ready = 0;
        for lane in self.turns.iter().filter_map(|turn| self.lanes.get(turn)) {
            ready += lane.waiting.len().min(self.per_stream - lane.under_way);
            if ready >= most {
                return most;
            }
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(fair: &mut Fair<u32>) -> Vec<(StreamKey, u32)> {
        std::iter::from_fn(|| fair.pop()).collect()
    }

    #[test]
    fn streams_have_their_turns_however_much_one_wants() {
        let mut fair = Fair::new(2);
        for job in 0..4 {
            fair.push(1, job);
        }
        fair.push(2, 10);
        assert_eq!((fair.ready(9), fair.ready(2)), (3, 2));
        assert_eq!(take(&mut fair), [(1, 0), (2, 10), (1, 1)]);
        assert_eq!(fair.ready(9), 0);
        fair.push(3, 20);
        fair.finish(1);
        fair.finish(1);
        assert_eq!(take(&mut fair), [(3, 20), (1, 2), (1, 3)]);
        for stream in [1, 1, 2, 3] {
            fair.finish(stream);
        }
        assert!(fair.lanes.is_empty() && fair.turns.is_empty());
    }

    #[test]
    fn what_is_not_wanted_any_more_is_not_taken() {
        let mut fair = Fair::new(1);
        for job in 0..4 {
            fair.push(1, job);
            fair.push(2, job);
        }
        assert_eq!(fair.pop(), Some((1, 0)));
        assert_eq!(fair.take_unwanted(1, |_| false), [1, 2, 3]);
        assert_eq!(fair.take_unwanted(2, |job| *job == 3), [0, 1, 2]);
        assert_eq!(take(&mut fair), [(2, 3)]);
        assert!(fair.take_unwanted(2, |_| false).is_empty());
        fair.finish(1);
        fair.finish(2);
        assert!(fair.lanes.is_empty() && fair.turns.is_empty());
    }

    #[test]
    fn what_waits_is_taken_out_and_what_is_under_way_stays() {
        let mut fair = Fair::new(1);
        for (stream, job) in [(1, 0), (1, 1), (2, 2)] {
            fair.push(stream, job);
        }
        assert_eq!(fair.pop(), Some((1, 0)));
        assert!(fair.has_waiting());
        let mut waiting = fair.take_all();
        waiting.sort_unstable();
        assert_eq!(waiting, [1, 2]);
        assert!(!fair.has_waiting() && fair.pop().is_none());
        fair.push(1, 3);
        assert!(fair.has_waiting() && fair.ready(9) == 0, "behind its own");
        fair.finish(1);
        assert_eq!(take(&mut fair), [(1, 3)]);
        fair.finish(1);
        assert!(fair.lanes.is_empty() && fair.turns.is_empty());
    }
}
