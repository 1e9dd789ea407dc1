//! Plugins that break the contract, each in one place. A broken one fails by itself, in one sentence that
//! names it, what it did and what to do, and takes nothing with it: neither its siblings nor the process.
#![cfg(target_os = "linux")]

mod calls;
mod exceptions;
mod files;
mod pair;
mod panics;
mod peers;
mod siblings;
mod support;
