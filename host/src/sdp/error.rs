use super::{MAX_LINE, MAX_TEXT};
use sdp_types::ParserError;

/// Why a session description was not written or not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// More than [`MAX_TEXT`] bytes.
    #[error(
        "the session description has {bytes} bytes, more than {MAX_TEXT}; \
         leave out media sections that ICE does not need"
    )]
    TextTooLong {
        /// Bytes of the text.
        bytes: usize,
    },
    /// A line of more than [`MAX_LINE`] bytes.
    #[error("line {line} of the session description is longer than {MAX_LINE} bytes; shorten it")]
    LineTooLong {
        /// Counted from 1.
        line: usize,
    },
    /// More lines, media sections or candidates than the host reads.
    #[error(
        "line {line} of the session description is beyond the limit of {limit} {what}; \
         leave some out"
    )]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
        /// The first line beyond the limit, counted from 1.
        line: usize,
    },
    /// The text is not SDP.
    #[error(
        "the text is not a session description as RFC 8866 defines it ({0}); pass it on \
         exactly as the peer wrote it"
    )]
    Grammar(String),
    /// No media section, or none that the peer has not refused.
    #[error(
        "the session description has no media section with a port other than 0; \
         offer at least one"
    )]
    NoMedia,
    /// An attribute ICE cannot do without.
    #[error(
        "the session description has no a={0}; \
         ICE needs both a=ice-ufrag and a=ice-pwd (RFC 8839)"
    )]
    MissingCredential(&'static str),
    /// A username fragment that RFC 8839 does not allow.
    #[error(
        "the ICE username fragment must have 4 to 256 letters, digits, '+' or '/' \
         (RFC 8839); generate another"
    )]
    BadUfrag,
    /// A password that RFC 8839 does not allow.
    #[error(
        "the ICE password must have 22 to 256 letters, digits, '+' or '/' (RFC 8839); \
         generate another"
    )]
    BadPwd,
    /// A value of `a=setup` that RFC 4145 does not know.
    #[error("a=setup must be active, passive, actpass or holdconn (RFC 4145); correct it")]
    BadSetup,
    /// A candidate of our own without a component id.
    #[error(
        "the local candidate {0:?} must begin with \"candidate:\", a foundation and a \
         component id from 1 to 256 (RFC 8839)"
    )]
    BadCandidate(String),
    /// A plugin whose id cannot stand in `a=handclasp-init`.
    #[error(
        "the plugin id {0:?} is not an RFC 8866 token; rename the plugin with letters, \
         digits and '-'"
    )]
    BadPluginId(String),
    /// A line of a plugin's init data that must not be written.
    #[error("line {line} of the init data of plugin {plugin:?} {fault}")]
    BadInitDataLine {
        /// The plugin's id.
        plugin: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it and what would be right.
        fault: &'static str,
    },
    /// Init data too large for one line of SDP.
    #[error(
        "the init data of plugin {plugin:?} has {bytes} bytes and does not fit into a line \
         of {MAX_LINE}; make it shorter"
    )]
    InitDataTooLong {
        /// The plugin's id.
        plugin: String,
        /// Bytes of the init data.
        bytes: usize,
    },
    /// A peer's init data that is not base64.
    #[error(
        "the peer's a=handclasp-init line for plugin {plugin:?} is not base64 (RFC 4648); \
         pass it on exactly as the peer wrote it"
    )]
    BadBase64 {
        /// The plugin's id.
        plugin: String,
    },
}

impl From<ParserError> for SdpError {
    fn from(error: ParserError) -> Self {
        Self::Grammar(match error {
            // The crate's own text repeats what the peer sent, control characters included.
            ParserError::InvalidVersion(line, _) => format!("version other than 0 in line {line}"),
            error => error.to_string(),
        })
    }
}

/// Why a plugin's `init_data_type` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitDataFormatError {
    /// `sdp-attributes` without names.
    #[error(
        "init_data_type names no attribute; write for example \"sdp-attributes:fingerprint,tls-id\""
    )]
    NoNames,
    /// A name that is no RFC 8866 token.
    #[error(
        "init_data_type names {0:?}, which is not an RFC 8866 token; separate attribute \
         names by commas, without spaces"
    )]
    NotAToken(String),
    /// A name whose lines the host writes itself.
    #[error(
        "init_data_type names {0:?}, an attribute that belongs to the host; choose another \
         name"
    )]
    Reserved(String),
}
