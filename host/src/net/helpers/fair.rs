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

    /// Drops the waiting jobs of a stream that are not wanted any more.
    pub(super) fn retain(&mut self, stream: StreamKey, wanted: impl FnMut(&T) -> bool) {
        let Some(lane) = self.lanes.get_mut(&stream) else {
            return;
        };
        lane.waiting.retain(wanted);
        if lane.waiting.is_empty() {
            self.turns.retain(|turn| *turn != stream);
            if lane.under_way == 0 {
                self.lanes.remove(&stream);
            }
        }
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
        fair.retain(1, |_| false);
        fair.retain(2, |job| *job == 3);
        assert_eq!(take(&mut fair), [(2, 3)]);
        fair.retain(2, |_| false);
        fair.finish(1);
        fair.finish(2);
        assert!(fair.lanes.is_empty() && fair.turns.is_empty());
    }
}
