//! The checks, in the order in which they are shown.
use super::checks::*;
use super::definition::Check;

const CHECKS: &[&Check] = &[
    // The file
    &file::descriptor::DESCRIPTOR,
    &file::exports::EXPORTS,
    &file::libraries::LIBRARIES,
    &file::dynamic::THREAD_LOCALS,
    &file::dynamic::TEXT,
    &file::dynamic::STACK,
    // One instance
    &load::LOAD,
    &init::INIT,
    &load::RELOAD,
    &init_data::INIT_DATA,
    &fresh::FRESH_INIT_DATA,
    &options::OPTIONS,
    // Two that shake hands
    &handshake::HANDSHAKE,
    &handshake::READY_ORDER,
    &handshake::INTERLEAVED,
    &keys::KEYS,
    &data_types::DATA_TYPES,
    &packets::PACKETS,
    &export::EXPORT,
    &call_times::CALL_TIMES,
    &lent_memory::LENT_MEMORY,
    #[cfg(target_os = "linux")]
    &secrets::SECRETS,
    // The network
    &network::LOSS_10,
    &network::LOSS_30,
    &network::LOSS_50,
    &network::DUPLICATION,
    &network::REORDERING,
    // Time
    &silence::SILENCE,
    &silence::RETRANSMISSION,
    &silence::DEADLINES,
    &time::EARLY_CALLS,
    &time::CLOCK_STEPS,
    // What a peer, or someone in its place, may send
    &sizes::SIZES,
    &noise::RANDOM,
    &noise::MUTATED,
    &integrity::INTEGRITY,
    &wrong_peer::WRONG_PEER,
    &wrong_secret::WRONG_SECRET,
    &replay::REPLAY,
    &forged::HANDSHAKE,
    &forged::SESSION,
    // Threads, memory, the end
    &threads::CHANGING_THREADS,
    &threads::PARALLEL,
    &close::CLOSE,
    &memory::MEMORY,
    // What belongs to the whole process
    #[cfg(target_os = "linux")]
    &process::SETTINGS,
    #[cfg(target_os = "linux")]
    &process::SIGNALS,
    #[cfg(target_os = "linux")]
    &process::STREAMS,
    #[cfg(target_os = "linux")]
    &process::LEFTOVERS,
];

/// The check of this name.
pub(crate) fn named(name: &str) -> Option<&'static Check> {
    CHECKS.iter().copied().find(|check| check.name == name)
}

/// The checks of these names, and those they need; all of them if none is named.
///
/// # Errors
/// The name that no check has.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Check>, &str> {
    let mut selected = Vec::new();
    for name in names {
        let mut next = Some(named(name).ok_or(name.as_str())?);
        while let Some(check) = next {
            selected.push(check.name);
            next = check.needs.and_then(named);
        }
    }
    let is_selected = |check: &&Check| names.is_empty() || selected.contains(&check.name);
    Ok(CHECKS.iter().copied().filter(is_selected).collect())
}

pub(crate) fn names() -> Vec<&'static str> {
    CHECKS.iter().map(|check| check.name).collect()
}
