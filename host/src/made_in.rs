//! Which process something was made in. One that was forked has a copy of all memory and none of the other threads: what
//! waits for one of these, holds a lock of theirs or removes files would do harm there.

/// The process that something was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MadeIn(u32);

impl MadeIn {
    pub(crate) fn this_process() -> Self {
        Self(std::process::id())
    }

    /// Whether this process was forked from it.
    pub(crate) fn is_another_process(self) -> bool {
        self != Self::this_process()
    }
}
