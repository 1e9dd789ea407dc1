//! What a thread does, at random.
use super::watch::Post;
use super::world::{Held, World};
use fastrand::Rng;
use handclasp::stream::Message;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Streams that one thread holds.
const HELD: usize = 24;
/// How long the end of a host is waited for.
const WITHIN: Duration = Duration::from_secs(10);

/// A thread of the program's.
pub(super) struct Actions {
    pub(super) world: Arc<World>,
    pub(super) random: Rng,
    pub(super) post: Arc<Post>,
    pub(super) held: Vec<Held>,
}

impl Actions {
    /// Goes on until the round is over.
    pub(super) fn run(mut self) {
        while !self.world.is_over() {
            self.act();
            if self.random.u8(..4) == 0 {
                self.post.at("rest");
                thread::sleep(Duration::from_micros(self.random.u64(..4000)));
            }
        }
        self.post.at("dropping its streams");
        drop(self.held);
        self.post.leave();
    }

    fn act(&mut self) {
        match self.random.u16(..2000) {
            0 => self.replace_host(true),
            1 => self.replace_host(false),
            2..10 => self.use_host(),
            10..210 => self.open(),
            210..1000 => self.exchange(),
            1000..1100 => self.end_one(),
            1100..1120 => self.end_any(),
            1120..1200 => self.flush(),
            1200..1300 => self.ask(),
            _ => self.say(),
        }
    }

    fn replace_host(&mut self, shut_down: bool) {
        self.post.at("Host::new");
        let host = self.world.make_host(&mut self.random);
        let Some(old) = self.world.put_host(host, &mut self.random) else {
            return;
        };
        if shut_down {
            self.post.at("Host::shutdown");
            let _ = old.shutdown(WITHIN); // a callback may wait for the end of another host
        }
        self.post.at("Host's drop");
        drop(old);
    }

    fn use_host(&mut self) {
        self.post.at("use of a host");
        let Some(host) = self.world.host(&mut self.random) else {
            return;
        };
        match self.random.u8(..4) {
            0 => drop(host.catalogue()),
            1 => drop(host.plugin("dtls-srtp")),
            2 => assert!(host.plugin("no-such-plugin").is_err()),
            _ => drop(format!("{host:?} {}", host.departures().datagrams)),
        }
    }

    fn open(&mut self) {
        self.post.at("Host::open");
        if self.held.len() < HELD {
            let opened = self.world.open_pair(&mut self.random);
            self.held.extend(opened);
        }
    }

    fn pick(&mut self) -> Option<usize> {
        let count = self.held.len();
        (count > 0).then(|| self.random.usize(..count))
    }

    fn exchange(&mut self) {
        self.post.at("send_payload");
        if let Some(index) = self.pick() {
            self.held[index]
                .reach
                .send_datagrams(&self.world, &mut self.random);
        }
    }

    fn say(&mut self) {
        self.post.at("send");
        if let Some(index) = self.pick() {
            self.held[index]
                .reach
                .say_anything(&self.world, &mut self.random);
        }
    }

    /// In one of the ways there are.
    fn end_one(&mut self) {
        self.post.at("the end of a stream");
        let Some(index) = self.pick() else {
            return;
        };
        let held = &self.held[index];
        match self.random.u8(..8) {
            0 => held.handle.stop(),
            1 => held.reach.say(&self.world, &mut self.random, Message::Stop),
            2 => held
                .reach
                .say(&self.world, &mut self.random, Message::Close),
            3 => drop(self.held.swap_remove(index).handle.detach()),
            _ => drop(self.held.swap_remove(index)),
        }
    }

    /// That of another thread or an application.
    fn end_any(&mut self) {
        self.post.at("the end of another's stream");
        if let Some(reach) = self.world.any(&mut self.random) {
            reach.stream.stop();
        }
    }

    fn flush(&mut self) {
        self.post.at("flush");
        if let Some(reach) = self.world.any(&mut self.random) {
            let _ = reach.stream.flush(); // it may have ended
        }
    }

    fn ask(&mut self) {
        self.post.at("questions");
        if let Some(reach) = self.world.any(&mut self.random) {
            let asked = (reach.stream.queued(), reach.stream.has_ended());
            drop(format!("{asked:?} {:?}", reach.stream));
        }
        if let Some(index) = self.pick() {
            drop(format!("{:?}", self.held[index].handle));
        }
    }
}
