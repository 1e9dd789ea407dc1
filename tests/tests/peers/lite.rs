//! Ours as a lite side (RFC 8445, section 2.5): full peers check it, and it checks them once they have.
use crate::aioice;
use crate::contact::{Contact, PEER};
use crate::nice_peer::nice_peer;
use handclasp::trace::StunClass;
use handclasp_tests::{Lacking, skip, stun_sent};
use std::process::Command;

#[test]
fn libnice_connects_to_a_lite_side() {
    for arguments in [&[][..], &["--aggressive"]] {
        connect("libnice and a lite side", arguments, || {
            nice_peer().map(Command::new)
        });
    }
}

/// It nominates every pair, unless signalling has told it what its peer is.
#[test]
fn aioice_connects_to_a_lite_side() {
    for arguments in [&[][..], &["--remote-is-lite"]] {
        connect("aioice and a lite side", arguments, aioice::peer);
    }
}

fn connect(test: &str, arguments: &[&str], peer: fn() -> Result<Command, Lacking>) {
    for components in [1, 2] {
        if let Err(lacking) = connect_with(arguments, peer, components) {
            skip(test, &lacking);
        }
    }
}

fn connect_with(
    arguments: &[&str],
    peer: fn() -> Result<Command, Lacking>,
    components: u16,
) -> Result<(), Lacking> {
    let trace = tempfile::NamedTempFile::new().expect("the temporary directory is writable");
    let file = trace.path().to_str().expect("its name is ASCII");
    let mut peer = peer()?;
    peer.args(arguments);
    let mut contact = start(peer, components, &["--trace", file])?;
    contact.expect_ready();
    contact.exchange("first");
    contact.part();
    let [requests, responses] =
        [StunClass::Request, StunClass::Success].map(|class| stun_sent(trace.path(), class));
    assert!(responses > 0, "it answers");
    assert!(requests > 0, "and sees whether its peer is there");
    Ok(())
}

/// A lite stream of ours, with more arguments for it, and a peer that controls, as the full side of the two does.
pub(crate) fn start(
    peer: Command,
    components: u16,
    arguments: &[&str],
) -> Result<Contact, Lacking> {
    let arguments = [&["--ice-lite"], arguments].concat();
    Contact::start_with(&arguments, peer, components, PEER, false)
}
