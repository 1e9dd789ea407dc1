//! What those who never call a plugin have to know of it.
use super::first_bytes::FirstBytes;

/// What decides about a plugin's calls: plain data, wherever the plugin is mapped.
#[derive(Clone, Debug)]
pub struct PluginInfo {
    /// Unique among plugins.
    pub id: String,
    /// Names the format of what `init` produces for the peer.
    pub init_data_type: Option<String>,
    /// Whether it takes the peer's parameters (`hc.peer/1`).
    pub wants_peer: bool,
    /// The first bytes of its datagrams, if it tells them from the application's.
    pub first_bytes: Option<FirstBytes>,
    /// Whether these are only half the answer: it is asked of each such datagram.
    pub inspects: bool,
    /// Whether keys can be exported of its finished handshakes (`hc.export/1`).
    pub exports: bool,
}
