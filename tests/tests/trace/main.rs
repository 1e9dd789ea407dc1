//! `--trace` and `handclasp trace`: a session on file, and what can be made of it.
#![cfg(target_os = "linux")]

mod browser;
mod calls;
mod document;
mod dropped;
mod ladder;
mod one_side;
mod relay;
mod secrets;
mod support;
mod the_file;
mod wireshark;
