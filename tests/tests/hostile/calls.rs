//! Plugins that break the contract in a call: each is that instance's failure, named after plugin and call.
use crate::support::{Workshop, sentence, text};
use handclasp::plugin::{CallName, Effects, Failure, FailureKind, Plugin, Started, Step, init};
use std::sync::Arc;

/// A plugin, the call in which its component 1 fails, and how.
#[derive(Clone, Copy)]
pub(crate) struct Broken {
    pub(crate) fixture: &'static str,
    pub(crate) call: CallName,
    pub(crate) kind: FailureKind,
    /// The plugin's own words, or what it did wrong.
    pub(crate) detail: Option<&'static str>,
}

const AUTHOR: &str = "report this to the plugin's author";

/// What a breach of the contract in this call means, in a sentence.
pub(crate) fn consequence(call: CallName) -> &'static str {
    match call {
        CallName::Init => "the stream cannot start",
        _ => "the instance was destroyed",
    }
}

impl Broken {
    const fn fault(fixture: &'static str, call: CallName, detail: &'static str) -> Self {
        Self {
            fixture,
            call,
            kind: FailureKind::Fault,
            detail: Some(detail),
        }
    }

    pub(crate) fn id(&self) -> String {
        self.fixture.replace('_', "-")
    }

    /// The sentence for people, word by word.
    pub(crate) fn sentence(&self) -> String {
        let (id, call) = (self.id(), self.call.as_str());
        match (self.kind, self.detail) {
            (FailureKind::Fault, Some(detail)) => {
                let consequence = consequence(self.call);
                format!("plugin {id}: {call} {detail}; {consequence}, {AUTHOR}")
            }
            (_, Some(detail)) => format!("plugin {id}: {call}: {detail}"),
            (_, None) => {
                format!(
                    "plugin {id}: {call} failed: an internal error, and it gave no reason; {AUTHOR}"
                )
            }
        }
    }
}

pub(crate) const ALL: &[Broken] = &[
    Broken::fault(
        "unknown_status",
        CallName::ConnectionReady,
        "answered 42, which is no status of the contract",
    ),
    Broken::fault(
        "finished_twice",
        CallName::OnDeadline,
        "finished a second time",
    ),
    Broken::fault(
        "early_handshake_data",
        CallName::ConnectionReady,
        "emitted handshake_data in a call that does not allow it",
    ),
    Broken::fault(
        "late_init_data",
        CallName::RecvFromPeer,
        "emitted init_data in a call that does not allow it",
    ),
    Broken::fault(
        "oversized_packet",
        CallName::ConnectionReady,
        "emitted a packet of 1201 bytes, more than its MTU of 1200",
    ),
    Broken::fault(
        "too_many_packets",
        CallName::ConnectionReady,
        "emitted more than 64 packets or 65536 bytes of them in one call",
    ),
    Broken::fault(
        "too_many_bytes",
        CallName::RecvFromPeer,
        "emitted more than 64 packets or 65536 bytes of them in one call",
    ),
    Broken::fault(
        "null_with_length",
        CallName::ConnectionReady,
        "emitted 4 bytes at a null pointer",
    ),
    Broken::fault(
        "no_instance",
        CallName::Init,
        "answered PENDING without making an instance",
    ),
    Broken {
        fixture: "failing_init",
        call: CallName::Init,
        kind: FailureKind::Unsupported,
        detail: Some("the key store is locked: unlock it"),
    },
    Broken {
        fixture: "failing_with_reason",
        call: CallName::RecvFromPeer,
        kind: FailureKind::PeerRejected,
        detail: Some("the peer is not on the list: add it"),
    },
    Broken {
        fixture: "failing_without_reason",
        call: CallName::ConnectionReady,
        kind: FailureKind::Internal,
        detail: None,
    },
];

/// One handshake from `init` to `close`, with a peer that says what it should.
fn shake_hands(workshop: &Workshop, plugin: &Arc<Plugin>) -> Result<(), Failure> {
    let mut effects = Effects::default();
    let parameters = workshop.parameters(plugin, &[]);
    let Started::AwaitingReady(instance) = init(plugin, &parameters, 0, &mut effects)? else {
        panic!("it has an instance and takes no peer's parameters");
    };
    let Step::Pending(instance) = instance.connection_ready(1, &mut effects)? else {
        panic!("it has not heard from its peer");
    };
    let Step::Pending(instance) = instance.recv_from_peer(b"?", 2, &mut effects)? else {
        panic!("its peer has only asked");
    };
    let Step::Finished(instance, data) = instance.recv_from_peer(b"!hello", 3, &mut effects)?
    else {
        panic!("its peer has answered");
    };
    assert_eq!(data.as_slice(), b"hello");
    let instance = instance.on_deadline(4, &mut effects)?;
    instance.close(5, &mut effects)?.destroy();
    Ok(())
}

#[test]
fn a_sound_plugin_fails_nowhere() {
    let workshop = Workshop::new();
    workshop.compile("sound", &[]);
    let plugin = workshop
        .loader()
        .load("sound")
        .expect("nothing is wrong with it");
    shake_hands(&workshop, &plugin).expect("nothing is wrong with it");
    assert_eq!(workshop.instances(), 1);
}

#[test]
fn each_fault_is_found_in_its_call_and_destroys_once() {
    for broken in ALL {
        let workshop = Workshop::new();
        workshop.compile(broken.fixture, &[]);
        let plugin = workshop
            .loader()
            .load(&broken.id())
            .expect("it breaks in a call");
        let failure = shake_hands(&workshop, &plugin).expect_err(broken.fixture);
        let Failure {
            plugin,
            call,
            kind,
            detail,
            ..
        } = &failure;
        assert_eq!(*plugin, broken.id());
        assert_eq!(
            (*call, *kind, detail.as_deref()),
            (broken.call, broken.kind, broken.detail)
        );
        assert_eq!(failure.to_string(), broken.sentence());
        let made = usize::from(broken.call != CallName::Init);
        assert_eq!(workshop.instances(), made, "{}", broken.fixture);
    }
}

#[test]
fn the_demo_fails_with_the_same_sentence() {
    for broken in ALL {
        let workshop = Workshop::new();
        workshop.compile(broken.fixture, &[]);
        let demo = workshop.demo(&broken.id(), &[]);
        // A plugin whose `init` fails cannot be used.
        let code = if broken.call == CallName::Init { 3 } else { 1 };
        assert_eq!(demo.status.code(), Some(code), "{}", text(&demo.stdout));
        let sentence = sentence(&demo);
        let (side, reason) = sentence
            .split_once(": component 1 failed: ")
            .expect(&sentence);
        assert!(matches!(side, "a" | "b"), "{sentence}");
        assert_eq!(reason, broken.sentence());
        let made = if broken.call == CallName::Init { 0 } else { 2 };
        assert_eq!(workshop.instances(), made, "{}", broken.fixture);
    }
}
