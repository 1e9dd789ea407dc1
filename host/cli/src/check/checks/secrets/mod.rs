mod trail;

use super::init::make;
use crate::check::capture::Capture;
use crate::check::definition::{Check, Run};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{INITIATOR, RESPONDER, SECOND, Setup, Side, World};
use crate::check::probe::Probe;
use crate::srtp_keys::SrtpKeys;
use handclasp::plugin::{InitParameters, OptionKind, OptionSpec};
use trail::{is_recognisable, trail};

pub(crate) const SECRETS: Check = Check {
    name: "secrets",
    sentence: "No secret option and no key of its is told in errors, warnings, log lines or datagrams, or printed",
    remedy: "say what is wrong with a secret, not what it is: logs and errors leave the machine; keys for debugging go \
             to hc_host.keylog",
    needs: Some("handshake"),
    run: Run::Listening(check),
};

/// Something that is nobody's business, and what to call it.
struct Secret {
    name: String,
    bytes: Vec<u8>,
    /// Whether it may be read on the way, as a handshake that hides nothing agrees on.
    travels: bool,
}

/// Values for a secret that a plugin may refuse, and have something to say about.
const ODD: [&str; 2] = [
    "odd secret, with spaces",
    "a-secret-that-goes-on-and-on-a-secret-that-goes-on-and-on-a-secret-that-goes-on-and-on-a-secret-that-goes-on-and-on",
];

fn check(probe: &Probe) -> Checked {
    let Ok(capture) = Capture::start(&probe.directory) else {
        return Err(Objection::skip("its output cannot be put into a file"));
    };
    let said = provoke(probe);
    let printed = capture.end();
    let secrets = said?;
    probe.finish_log();
    let said = probe.heard.said();
    let places: [(&str, &[u8], bool); 5] = [
        ("in a line of its log", &said.logged, false),
        ("in an error or a warning", &said.sentences, false),
        ("on standard output", printed.output.as_bytes(), false),
        ("on standard error", printed.error.as_bytes(), false),
        ("in init data or in a datagram", &said.sent, true),
    ];
    for Secret {
        name,
        bytes,
        travels,
    } in &secrets
    {
        for (place, text, is_sent) in places {
            if let Some(how) = trail(text, bytes).filter(|_| !(is_sent && *travels)) {
                return Err(Objection::finding(format!("{name} is {place}{how}")));
            }
        }
    }
    match secrets.is_empty() {
        false => Ok(()),
        true => Err(Objection::skip(
            "it has neither a secret option nor keys long enough to be recognised",
        )),
    }
}

/// Lets the plugin do what it may speak about: two handshakes, of which one fails if anything can, and odd options.
fn provoke(probe: &Probe) -> Result<Vec<Secret>, Objection> {
    let mut secrets: Vec<_> = secret_options(probe).collect();
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    let now = world.now();
    let public = world.pair().init_data().concat();
    for side in [INITIATOR, RESPONDER] {
        let side = &mut world.pair().sides[side];
        let keys = side.agreed.as_deref().map_or(&[][..], Vec::as_slice);
        secrets.extend(of_handshake(keys));
        side.close(now);
    }
    // What init data told is known to all.
    secrets
        .retain(|secret| is_recognisable(&secret.bytes) && trail(&public, &secret.bytes).is_none());
    let mut strangers = World::of_strangers(probe, &[Setup::default()])?;
    let now = strangers.now();
    let stranger = make(probe)?.init_data.clone();
    strangers
        .pair()
        .introduce_as(now, [&stranger, b"\xff\0 nonsense"]);
    strangers.wait(SECOND);
    let specs = &probe.plugin.description().options;
    for spec in specs.iter().filter(|spec| spec.secret) {
        for value in ODD {
            if let Some(options) = probe.with_meaning(spec, value.into()) {
                let parameters = InitParameters {
                    options,
                    ..probe.parameters()
                };
                drop(Side::alone(probe, parameters));
                secrets.push(Secret::of_option(spec, value.into()));
            }
        }
    }
    Ok(secrets)
}

impl Secret {
    fn of_option(spec: &OptionSpec, bytes: Vec<u8>) -> Self {
        let what = match spec.kind {
            OptionKind::File => "what is in the file",
            _ => "the value",
        };
        Self {
            name: format!("{what} of the secret option {:?}", spec.key),
            bytes,
            travels: false,
        }
    }
}

fn secret_options(probe: &Probe) -> impl Iterator<Item = Secret> {
    let specs = &probe.plugin.description().options;
    let secret = specs.iter().filter(|spec| spec.secret);
    secret.filter_map(|spec| Some(Secret::of_option(spec, probe.meaning(spec)?)))
}

/// Handshake data as a whole and, if its format tells them, its keys.
fn of_handshake(data: &[u8]) -> impl Iterator<Item = Secret> {
    let keys = SrtpKeys::parse(data).map(SrtpKeys::keys);
    let parts = [data].into_iter().chain(keys.into_iter().flatten());
    parts.map(|bytes| Secret {
        name: "what the handshake agreed on".to_owned(),
        bytes: bytes.to_vec(),
        travels: true,
    })
}
