//! A process that hosts live in, for the tests of `life`: what it has to do are its arguments.
//!
//! - `leave WAY PLUGIN COUNT MS DIRECTORY`: opens streams, and ends after so many milliseconds, by `return`, `exit`, `exit`
//!   on another `thread`, or by `drop`.
//! - `hosts COUNT DIRECTORY`: makes hosts in turn, each with a pair brought to ready, and tells after each what the
//!   process has.
//! - `failed DIRECTORY`: a host that cannot be made leaves nothing.
//! - `fork DIRECTORY`: a child that drops all that it has of the hosts takes nothing from its parent.
mod forks;
mod hosts;
mod limits;

use handclasp::plugin::{Scanner, SearchPath};
use handclasp::stream::Notification;
use handclasp::{
    Application, BindOptions, Context, Host, HostError, HostOptions, KeyLog, StreamOptions,
};
use std::env;
use std::mem;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::exit;
use std::thread;
use std::time::Duration;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["leave", way, plugin, count, ms, directory] => {
            leave(way, plugin, number(count), number(ms), Path::new(directory));
        }
        ["hosts", count, directory] => hosts::in_turn(number(count), Path::new(directory)),
        ["failed", directory] => limits::no_host(Path::new(directory)),
        ["fork", directory] => forks::child_that_drops(Path::new(directory)),
        _ => panic!("what is to be done with {words:?}?"),
    }
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(word: &str) -> T {
    word.parse().expect("this is a number")
}

/// A host with the plugins of this directory.
fn host(directory: &Path, loops: usize, key_log: Option<KeyLog>) -> Result<Host, HostError> {
    let directories = vec![directory.to_owned()];
    let plugins = SearchPath::from_dirs(directories).expect("they are built");
    let options = HostOptions::new(plugins).scanner(Scanner::none());
    Host::new(options.loops(loops).key_log(key_log))
}

/// A stream on loopback.
fn options(plugin: &str) -> StreamOptions {
    StreamOptions::new(plugin).bind(BindOptions::new().address(Ipv4Addr::LOCALHOST))
}

struct Silent;

impl Application for Silent {
    fn notify(&mut self, _: &mut Context<'_>, _: Notification) {}

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

/// Ends in the middle of calls of `init`.
fn leave(way: &str, plugin: &str, count: usize, ms: u64, directory: &Path) {
    let host = host(directory, 2, None).expect("a host");
    let open = |_| host.open(options(plugin), Silent);
    let streams = (0..count).map(open).collect::<Result<Vec<_>, _>>();
    let streams = streams.expect("they are opened");
    thread::sleep(Duration::from_millis(ms));
    match way {
        "return" => mem::forget((host, streams)),
        "exit" => exit(0),
        "thread" => drop(thread::spawn(|| exit(0)).join()),
        "drop" => drop((host, streams)),
        _ => panic!("no way to leave: {way}"),
    }
}
