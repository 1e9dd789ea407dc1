//! The command line as people and scripts use it: what it prints, what it returns, and which plugin it finds.
#![cfg(target_os = "linux")]

mod config;
mod demo;
mod directories;
mod export;
mod faults;
mod full;
mod habits;
mod interrupted;
mod key_log;
mod linker;
mod lock;
mod log;
mod mutants;
mod no_room;
mod nonblocking;
mod output;
mod plugins;
mod scan;
mod secrets;
mod shared_places;
mod support;
mod terminal;
mod usage;
mod watch;
