//! Hosts in turn, and what the process has after each.
use super::{host, options};
use handclasp::plugin::Role;
use handclasp::stream::Notification;
use handclasp::{Application, Context, Host, KeyLog, StreamHandle};
use handclasp_tests::await_that;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

/// The handshake's roles; the first peer is ICE's controlling one as well.
const ROLES: [Role; 2] = [Role::Initiator, Role::Responder];

struct Peer {
    index: usize,
    events: Sender<(usize, Notification)>,
}

impl Application for Peer {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        // Once both are ready nobody takes it.
        let _ = self.events.send((self.index, notification));
    }

    fn receive(&mut self, _: &mut Context<'_>, _: u16, _: &[u8]) {}
}

/// Makes so many hosts, and prints a line for each: bytes of memory of the process's own, mappings and descriptors.
pub(super) fn in_turn(count: usize, directory: &Path) {
    let key_log = tempfile::tempdir().expect("the temporary directory is writable");
    for _ in 0..count {
        let key_log = KeyLog::open(&key_log.path().join("keys")).expect("it is a new file");
        let host = host(directory, 2, Some(key_log)).expect("a host");
        drop(bring_to_ready(&host));
        drop(host);
        await_that("its threads end", || entries("/proc/self/task") == 1);
        let maps = fs::read_to_string("/proc/self/maps").expect("Linux has it");
        let descriptors = entries("/proc/self/fd");
        println!("{} {} {descriptors}", own_memory(), maps.lines().count());
    }
}

/// A pair.
pub(super) fn bring_to_ready(host: &Host) -> [StreamHandle; 2] {
    let (sender, events) = channel();
    let open = |index| {
        let options = options("dtls-srtp").controlling(ROLES[index] == Role::Initiator);
        let events = sender.clone();
        let opened = host.open(options, Peer { index, events });
        opened.unwrap_or_else(|error| panic!("{error}"))
    };
    let streams = [open(0), open(1)];
    let mut ready = 0;
    while ready < 2 {
        let (index, notification) = events.recv().expect("a peer is there");
        let other = 1 - index;
        if let Some(message) = notification.for_peer(ROLES[other]) {
            streams[other].send(message).expect("its loop runs");
        }
        match notification {
            Notification::ComponentStateReady { .. } => ready += 1,
            Notification::ComponentStateFailed { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }
    streams
}

pub(super) fn entries(directory: &str) -> usize {
    fs::read_dir(directory).expect("Linux has it").count()
}

/// Without what a file has the same.
fn own_memory() -> usize {
    let sums = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux has it");
    let anonymous = sums
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kilobytes = anonymous.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kilobytes: usize = kilobytes
        .and_then(|it| it.parse().ok())
        .expect("it is a number");
    kilobytes * 1024
}
