//! An application that checks what it is told, and does all that one should not.
use super::datagram::{Receiver, Way};
use super::messages;
use super::pair::Pair;
use super::record::Record;
use super::world::{Held, Reach, World};
use fastrand::Rng;
use handclasp::stream::{Message, Notification, Refused};
use handclasp::{Application, ChannelApplication, Context, Host};
use std::panic::panic_any;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What the applications' panics say.
pub(super) const PLANNED: &str = "as the stress wants";
/// Streams that one application holds.
const HELD: usize = 4;

pub(super) struct Peer {
    world: Arc<World>,
    pair: Arc<Pair>,
    side: usize,
    plugin: usize,
    record: Arc<Record>,
    receiver: Receiver,
    random: Rng,
    is_calm: bool,
    is_ready: bool,
    host: Option<Host>,
    held: Vec<Held>,
    channel: Option<ChannelApplication>,
}

impl Peer {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        world: &Arc<World>,
        pair: &Arc<Pair>,
        side: usize,
        plugin: usize,
        record: &Arc<Record>,
        is_calm: bool,
        random: &mut Rng,
        host: Host,
    ) -> Self {
        let channel = world.channel(random).filter(|_| random.u8(..3) == 0);
        Self {
            world: Arc::clone(world),
            pair: Arc::clone(pair),
            side,
            plugin,
            record: Arc::clone(record),
            receiver: Receiver::default(),
            random: random.fork(),
            is_calm,
            is_ready: false,
            host: Some(host).filter(|_| random.u8(..4) == 0),
            held: Vec::new(),
            channel,
        }
    }

    fn reach(&self, context: &Context<'_>) -> Reach {
        Reach {
            stream: context.stream().clone(),
            record: Arc::clone(&self.record),
            pair: Arc::clone(&self.pair),
            side: self.side,
        }
    }

    /// Answers in this turn, which is before what waits.
    fn reply(&mut self, context: &mut Context<'_>, component_id: u16) {
        let sender = self.pair.sender(self.side);
        let length = self.random.usize(..1500);
        let sent = sender.send(Way::Reply, component_id, length, |datagram| {
            context.reply(component_id, datagram);
            Ok(())
        });
        sent.expect("there is room");
        self.world.totals.sent.add();
    }

    /// Once in so many calls, does what takes long, ends something, or panics.
    fn misbehave(&mut self, context: &mut Context<'_>, one_in: u32) {
        if self.is_calm || self.random.u32(..one_in) > 0 {
            return;
        }
        let (world, random) = (Arc::clone(&self.world), &mut self.random);
        match random.u8(..32) {
            0..8 => thread::sleep(Duration::from_millis(random.u64(1..=50))),
            8..14 if self.held.len() < HELD => self.held.extend(world.open_pair(random)),
            8..14 => self.held.clear(),
            14 => drop(self.host.take()),
            15 => self.shut_down(),
            16 => {
                let reach = self.reach(context);
                reach.say(&world, &mut self.random, Message::Close);
            }
            17 => context.stream().stop(),
            18 => {
                let flushed = context.stream().flush();
                flushed.unwrap_or(()); // it may have ended
            }
            19..22 => {
                if let Some(other) = world.any(random) {
                    other.stream.stop();
                }
            }
            22..25 => {
                if let Some(other) = world.any(random) {
                    other.say_anything(&world, random);
                    other.send_datagrams(&world, random);
                }
            }
            25..28 => {
                let reach = self.reach(context);
                reach.say_anything(&world, &mut self.random);
                reach.send_datagrams(&world, &mut self.random);
            }
            28 => {
                if let Some(host) = world.host(random) {
                    let _ = (host.departures(), host.catalogue(), host.plugin("none"));
                }
            }
            _ => panic_any(PLANNED),
        }
    }

    /// Of its own host or another, which it does not wait for long.
    fn shut_down(&mut self) {
        if self.random.u8(..8) > 0 {
            return;
        }
        let host = self
            .host
            .take()
            .or_else(|| self.world.host(&mut self.random));
        if let Some(host) = host {
            let within = Duration::from_millis(self.random.u64(..10));
            let _ = host.shutdown(within); // it ends by itself
        }
    }

    fn begin(&mut self, context: &mut Context<'_>, component_id: u16) {
        if !self.is_ready {
            self.is_ready = true;
            self.world.totals.ready[self.plugin].add();
        }
        for _ in 0..4 {
            self.reply(context, component_id);
        }
        if self.random.u8(..4) == 0 {
            let message = messages::sensible(&mut self.random);
            self.reach(context)
                .say(&self.world, &mut self.random, message);
        }
    }

    fn check_key(&self, component_id: u16, label: &str, key: &[u8]) {
        self.world.totals.keys.add();
        if self.pair.key_differs(component_id, label, key) {
            let which = format!("{:?}: component {component_id}, {label}", self.pair);
            self.world.totals.fault(&format!("other keys: {which}"));
        }
    }
}

impl Application for Peer {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        self.record.called();
        self.pair.signal(self.side, &notification);
        match &notification {
            Notification::Stopped => self.record.stopped(),
            Notification::ComponentStateReady { component_id, .. } => {
                self.begin(context, *component_id);
            }
            Notification::ExportedKey {
                component_id,
                label,
                key,
            } => self.check_key(*component_id, label, key),
            _ => {}
        }
        if let Some(channel) = &mut self.channel {
            channel.notify(context, notification);
        }
        self.misbehave(context, 20);
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        self.record.called();
        self.world.totals.received.add();
        let sender = self.pair.sender(1 - self.side);
        if Receiver::is_anothers(sender, component_id, datagram) {
            self.world.totals.strays.add();
        } else if let Err(fault) = self.receiver.take(sender, component_id, datagram) {
            self.world.totals.fault(&fault);
        }
        if let Some(channel) = &mut self.channel {
            channel.receive(context, component_id, datagram);
        }
        if self.random.u8(..4) == 0 {
            self.reply(context, component_id);
        }
        self.misbehave(context, 200);
    }

    fn answer(
        &mut self,
        context: &mut Context<'_>,
        number: Option<u64>,
        answer: Result<(), Refused>,
    ) {
        self.record.called();
        if let Some(number) = number {
            self.record.answered(number);
        }
        if let Some(channel) = &mut self.channel {
            channel.answer(context, number, answer);
        }
        self.misbehave(context, 20);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.record.dropped();
        self.world.totals.ended.add();
        let panics = !self.is_calm && self.record.is_told() && self.random.u8(..32) == 0;
        // One that was not opened is dropped by whoever wanted to.
        if panics && !thread::panicking() {
            panic_any(PLANNED);
        }
    }
}
