//! Today's host and the plugins of released ABI versions: see `tests/compat/README.md`.
#![cfg(unix)]

mod by_hand;
mod declarations;
mod release;
mod together;
