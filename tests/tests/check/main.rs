//! `handclasp check`: plugins without a fault pass, and each fault is found by the check named for it.
#![cfg(target_os = "linux")]

mod command;
mod conduct;
mod each;
mod faultless;
mod faults;
mod library;
mod sanitizers;
mod usage;
