//! The checks, each beside its sentence. `file` reads the library; the others call it.
pub(crate) mod call_times;
pub(crate) mod close;
pub(crate) mod data_types;
pub(crate) mod export;
pub(crate) mod file;
pub(crate) mod forged;
pub(crate) mod fresh;
pub(crate) mod handshake;
pub(crate) mod init;
pub(crate) mod init_data;
pub(crate) mod integrity;
pub(crate) mod keys;
pub(crate) mod lent_memory;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod noise;
pub(crate) mod options;
pub(crate) mod packets;
#[cfg(target_os = "linux")]
pub(crate) mod process;
pub(crate) mod replay;
#[cfg(target_os = "linux")]
pub(crate) mod secrets;
pub(crate) mod silence;
pub(crate) mod sizes;
pub(crate) mod threads;
pub(crate) mod time;
pub(crate) mod wrong_peer;
pub(crate) mod wrong_secret;

use super::outcome::{Checked, Objection};
use super::probe::Probe;

/// To be skipped by what looks at how a plugin authenticates its peer, if it does not.
fn authenticates(probe: &Probe) -> Checked {
    let knows_its_peer = probe.extension("hc.peer/1") == Some(true);
    match knows_its_peer || !wrong_secret::secrets(probe).is_empty() {
        true => Ok(()),
        false => Err(Objection::skip(
            "it requires neither hc.peer/1 nor a secret, so it authenticates nobody",
        )),
    }
}
