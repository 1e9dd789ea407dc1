//! Messages that are odd: answers that lack an address, attributes that nobody knows, wrong fingerprints.

use stun_proto::types::attribute::{
    Attribute as _, AttributeType, ErrorCode, RawAttribute, UnknownAttributes, XorMappedAddress,
};
use stun_proto::types::message::{
    BINDING, IntegrityAlgorithm, Message, MessageClass, MessageType, MessageWrite as _,
    MessageWriteExt as _, MessageWriteVec, ShortTermCredentials,
};

use super::*;

/// A controlling agent and its peer's credentials; the pair is as the agent has it.
struct Scene {
    now: Instant,
    agent: Agent,
    peer: Credentials,
    pair: Pair,
}

impl Scene {
    fn new() -> Self {
        fastrand::seed(1);
        let now = Instant::now();
        let mut agent = Agent::new(Config::new(1, true, 2), Credentials::generate(), now);
        let pair = Pair::udp(addr("10.0.0.1:1"), addr("10.0.0.2:2"));
        agent.add_local_host(pair.local).expect("a usable address");
        let peer = Credentials::generate();
        agent.set_remote_credentials(peer.clone());
        let line = "candidate:1 1 udp 2130706431 10.0.0.2 2 typ host";
        agent.add_remote_candidate(line).unwrap();
        Self {
            now,
            agent,
            peer,
            pair,
        }
    }

    /// The next check that it sends.
    fn next_check(&mut self) -> Vec<u8> {
        loop {
            let due = self.agent.poll_timeout().expect("it is at work");
            self.now = self.now.max(due);
            self.agent.handle_timeout(self.now);
            if let Some(sent) = self.agent.poll_transmit() {
                assert_eq!(sent.pair(), self.pair);
                return sent.contents;
            }
        }
    }

    fn hear(&mut self, datagram: &[u8]) -> bool {
        self.agent
            .handle_stun(self.now, self.pair, Datagram::new(datagram))
    }

    /// A check of the peer's with this attribute as well.
    fn check(&self, kind: u16, value: &[u8], pwd: &str) -> Vec<u8> {
        let plain = limits::check(self.agent.local_credentials(), &self.peer, pwd);
        let plain = Message::from_bytes(&plain).expect("a message");
        let mut check = Message::builder_request(BINDING, MessageWriteVec::new());
        let covered = plain.iter_attributes().filter(|(_, raw)| {
            let kind = raw.get_type().value();
            ![0x0008, 0x8028].contains(&kind)
        });
        for (_, raw) in covered {
            check.add_attribute(&raw).unwrap();
        }
        let odd = RawAttribute::new(AttributeType::new(kind), value);
        check.add_attribute(&odd).unwrap();
        sign(check, pwd)
    }
}

/// An answer to `check` that tells this address, or none.
fn answer(check: &[u8], mapped: Option<SocketAddr>, pwd: &str) -> Vec<u8> {
    let check = Message::from_bytes(check).expect("a message");
    let mut answer = Message::builder_success(&check, MessageWriteVec::new());
    if let Some(mapped) = mapped {
        let attribute = XorMappedAddress::new(mapped, check.transaction_id());
        answer.add_attribute(&attribute).unwrap();
    }
    sign(answer, pwd)
}

fn sign(mut message: MessageWriteVec, pwd: &str) -> Vec<u8> {
    let credentials = ShortTermCredentials::new(pwd.to_owned()).into();
    message
        .add_message_integrity(&credentials, IntegrityAlgorithm::Sha1)
        .unwrap();
    message.add_fingerprint().unwrap();
    message.finish()
}

#[test]
fn an_answer_that_tells_no_address_is_an_answer() {
    let mut scene = Scene::new();
    let check = scene.next_check();
    let answer = answer(&check, None, scene.peer.pwd());
    assert!(scene.hear(&answer));
    assert_eq!(scene.agent.selected_pair(), Some(scene.pair));
    assert_eq!(scene.agent.local_candidates().count(), 1);
    assert!(!scene.hear(&answer), "a check is answered once");
}

#[test]
fn an_answer_that_tells_no_address_must_be_signed_and_come_from_where_the_check_went() {
    let mut scene = Scene::new();
    let check = scene.next_check();
    assert!(!scene.hear(&answer(&check, None, "another password of theirs")));
    let genuine = answer(&check, None, scene.peer.pwd());
    let elsewhere = Pair::udp(scene.pair.local, addr("10.0.0.2:3"));
    assert!(
        !scene
            .agent
            .handle_stun(scene.now, elsewhere, Datagram::new(&genuine))
    );
    let mut unsigned = Message::builder_success(
        &Message::from_bytes(&check).unwrap(),
        MessageWriteVec::new(),
    );
    unsigned.add_fingerprint().unwrap();
    assert!(!scene.hear(&unsigned.finish()));
    let mut changed = genuine.clone();
    changed[8] ^= 1;
    assert!(!scene.hear(&changed));
    assert_eq!(scene.agent.selected_pair(), None);
    assert!(scene.hear(&genuine));
}

#[test]
fn a_check_with_an_attribute_that_must_be_understood_is_answered_with_420() {
    let mut scene = Scene::new();
    let pwd = scene.agent.local_credentials().pwd().to_owned();
    let check = scene.check(0x7777, b"odd", &pwd);
    assert!(!scene.hear(&check));
    let remote = scene.pair.remote;
    assert!(!scene.agent.is_verified(Transport::Udp, remote));
    let sent = scene.agent.poll_transmit().expect("an answer");
    assert_eq!(sent.pair(), scene.pair);
    assert!(sent.contents.len() <= check.len());
    let answer = Message::from_bytes(&sent.contents).expect("a message");
    let error = MessageType::from_class_method(MessageClass::Error, BINDING);
    assert_eq!(answer.get_type(), error);
    let asked = Message::from_bytes(&check).unwrap();
    assert_eq!(answer.transaction_id(), asked.transaction_id());
    assert_eq!(answer.attribute::<ErrorCode>().unwrap().code(), 420);
    let unknown = answer.attribute::<UnknownAttributes>().unwrap();
    assert!(unknown.has_attribute(AttributeType::new(0x7777)));
    let credentials = ShortTermCredentials::new(pwd).into();
    assert!(answer.validate_integrity(&credentials).is_ok());
    assert_eq!(scene.agent.poll_transmit(), None);
}

#[test]
fn an_unknown_attribute_of_who_does_not_know_the_password_is_not_answered() {
    let mut scene = Scene::new();
    let check = scene.check(0x7777, b"odd", "another password of ours");
    assert!(!scene.hear(&check));
    assert_eq!(scene.agent.poll_transmit(), None);
}

#[test]
fn attributes_that_may_be_ignored_are() {
    let network_cost = b"\0\x01\0\x0a";
    for (kind, value) in [
        (0xc057, &network_cost[..]),
        (0xc777, b"odd"),
        (0x8000, b"least"),
    ] {
        let mut scene = Scene::new();
        let pwd = scene.agent.local_credentials().pwd().to_owned();
        let check = scene.check(kind, value, &pwd);
        assert!(scene.hear(&check), "{kind:x}");
    }
}

#[test]
fn a_message_with_a_wrong_fingerprint_is_dropped() {
    let mut scene = Scene::new();
    let ours = scene.agent.local_credentials().clone();
    let mut check = limits::check(&ours, &scene.peer, ours.pwd());
    let asked = scene.next_check();
    let mut answer = answer(&asked, Some(scene.pair.local), scene.peer.pwd());
    for message in [&mut check, &mut answer] {
        let last = message.len() - 1;
        message[last] ^= 1;
        assert!(!scene.hear(message));
        assert_eq!(scene.agent.poll_transmit(), None);
        assert_eq!(scene.agent.selected_pair(), None);
        message[last] ^= 1;
        assert!(scene.hear(message), "and without that it counts");
        while scene.agent.poll_transmit().is_some() {}
    }
}
