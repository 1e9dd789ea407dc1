//! Queues that most of the time are empty.
use std::collections::VecDeque;

/// So many have room in memory that is kept.
const KEPT: usize = 4;

/// Takes the first. With the last, memory for more than a few goes back: thousands of components are idle at a time, and
/// each has been busy once.
pub(crate) fn take_front<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() && queue.capacity() > KEPT {
        queue.shrink_to(KEPT);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::{KEPT, take_front};
    use std::collections::VecDeque;

    #[test]
    fn memory_for_many_goes_back_once_they_are_taken() {
        let mut queue: VecDeque<u64> = (0..100).collect();
        for number in 0..99 {
            assert_eq!(take_front(&mut queue), Some(number));
        }
        assert!(queue.capacity() >= 100, "one is left");
        assert_eq!(take_front(&mut queue), Some(99));
        assert!(queue.capacity() <= KEPT, "{}", queue.capacity());
        assert_eq!(take_front(&mut queue), None);
    }
}
