//! Session descriptions: what a stream tells its peer, and what it learns from one.
//!
//! A stream is one media section (RFC 8866); its components share the section's ICE credentials (RFC 8839).
//! Component 1 is RTP, component 2 is RTCP, which may do without: [`RtcpMux`].
//! [`LocalDescription`] is written as SDP, [`RemoteDescription`] is read from it.
//!
//! What a plugin's `init` produced travels in the same section, as its [`InitDataFormat`] says. The host
//! passes these lines on without understanding them; only `a=setup` is its own, because every handshake
//! needs to know who starts.
//!
//! Everything read is bounded ([`MAX_TEXT`], [`MAX_LINES`], [`MAX_LINE`], [`MAX_SECTIONS`],
//! [`MAX_CANDIDATES`]), and nothing is written that this host would not read.

mod credentials;
mod error;
mod init_data;
mod limits;
mod local;
mod needed;
mod remote;
mod rtcp_mux;
mod setup;
#[cfg(test)]
mod tests;

pub use credentials::check_credentials;
pub use error::{InitDataFormatError, SdpError};
pub use init_data::InitDataFormat;
pub use limits::{MAX_CANDIDATES, MAX_LINE, MAX_LINES, MAX_SECTIONS, MAX_TEXT};
pub use local::LocalDescription;
pub use remote::RemoteDescription;
pub use rtcp_mux::RtcpMux;
pub use setup::Setup;

/// The component id in a line `candidate:<foundation> <component-id> …`: 1 to 256 (RFC 8839, section 5.1).
fn candidate_component(line: &str) -> Option<u16> {
    let fields = line.strip_prefix("candidate:")?;
    let id = fields.split_ascii_whitespace().nth(1)?.parse().ok()?;
    (1..=256).contains(&id).then_some(id)
}
