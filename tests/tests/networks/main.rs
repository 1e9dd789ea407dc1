//! Networks with one thing wrong: two streams fail in each, and the one that can know says what it is, and which setting
//! to change. `docs/troubleshooting.md` is the same table.
mod addresses;
mod credentials;
mod failed;
mod firewalls;
mod hosts;
mod relays;
mod routes;

use handclasp_tests::{Lacking, skip};

/// Runs a test that needs more than every machine has.
fn run(test: &str, body: impl FnOnce() -> Result<(), Lacking>) {
    if let Err(lacking) = body() {
        skip(test, &lacking);
    }
}
