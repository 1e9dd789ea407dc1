//! Plugins in languages that `handclasp new` does not write: built from the header alone, checked, and run.
#![cfg(target_os = "linux")]

mod example;
mod page;
mod run;
