//! dimpl's settings.
use crate::clock::FLIGHT_START_RTO;
use crate::signing::Keys;
use crate::undated::Undated;
use crate::{failure, key_log};
use dimpl::crypto::CryptoProvider;
use dimpl::{Config, ConfigBuilder};
use handclasp_plugin::Result;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most records dimpl keeps because an earlier one is missing.
pub(crate) const MAX_QUEUED: usize = 64;

/// Most datagrams dimpl may have to say at once; more would be the session's end.
const MAX_EMITTED: usize = 64;

/// dimpl's longest. How long a handshake may take is the host's affair.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Most bytes of this side's certificate where packets have at most `mtu`.
///
/// dimpl has room for the 12 records of a flight of DTLS 1.3, and panics where there are more. Six messages are in the
/// longest, and each datagram that it goes on in has one record more: so there are seven at most, less what the other
/// messages and all headers take.
pub(crate) fn max_certificate(mtu: usize) -> usize {
    (7 * mtu).saturating_sub(1_100)
}

/// By MTU. Making one costs more than a handshake: dimpl tests all its cryptography on the way.
static SHARED: Mutex<BTreeMap<usize, Arc<Config>>> = Mutex::new(BTreeMap::new());

/// The settings for packets of at most `mtu` bytes.
///
/// # Errors
/// `Internal` if dimpl's cryptography does not work on this machine.
pub(crate) fn shared(mtu: usize) -> Result<Arc<Config>> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = shared.get(&mtu) {
        return Ok(config.clone());
    }
    let config = Arc::new(builder(mtu).build().map_err(failure::explain)?);
    shared.insert(mtu, config.clone());
    Ok(config)
}

pub(crate) fn builder(mtu: usize) -> ConfigBuilder {
    Config::builder()
        .with_crypto_provider(CryptoProvider {
            key_provider: &Keys,
            signature_verification: &Undated,
            ..key_log::provider()
        })
        .mtu(mtu)
        .require_client_certificate(true)
        // ICE has validated the peer's address already.
        .use_server_cookie(false)
        .max_queue_rx(MAX_QUEUED)
        .max_queue_tx(MAX_EMITTED)
        .flight_start_rto(FLIGHT_START_RTO)
        .flight_retries(usize::MAX)
        .handshake_timeout(HANDSHAKE_TIMEOUT)
}
