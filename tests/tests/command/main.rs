//! The command line as people and scripts use it: what it prints, what it returns, and which plugin it finds.
#![cfg(target_os = "linux")]

mod demo;
mod directories;
mod faults;
mod interrupted;
mod key_log;
mod output;
mod plugins;
mod support;
mod terminal;
