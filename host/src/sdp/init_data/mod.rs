//! How a plugin's init data travels in SDP.

mod attributes;
mod opaque;

use super::{InitDataFormatError, SdpError};
use sdp_types::Attribute;

/// How a plugin's init data travels, from its declared `init_data_type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitDataFormat {
    /// `sdp-attributes:<names>`: UTF-8 lines such as `tls-id:…`, separated by LF, written as attributes of
    /// the media section.
    ///
    /// A line may only bear one of these names. A plugin may begin its lines with `a=`; its peer gets them
    /// without.
    Attributes(Vec<String>),
    /// Any other type, or none: bytes, written in base64 as `a=handclasp-init:<plugin id> <base64>`.
    Opaque,
}

impl InitDataFormat {
    /// Reads a plugin's `init_data_type`.
    ///
    /// # Errors
    /// `sdp-attributes` without names, with a name that is no RFC 8866 token, or with a name that the host
    /// writes or reads itself.
    pub fn parse(declared: Option<&str>) -> Result<Self, InitDataFormatError> {
        match declared.map(|declared| declared.split_once(':').unwrap_or((declared, ""))) {
            Some(("sdp-attributes", "")) => Err(InitDataFormatError::NoNames),
            Some(("sdp-attributes", names)) => names
                .split(',')
                .map(attribute_name)
                .collect::<Result<_, _>>()
                .map(Self::Attributes),
            _ => Ok(Self::Opaque),
        }
    }

    /// The attributes that carry the init data of components 1, 2, … in this order.
    pub(super) fn write(
        &self,
        plugin_id: &str,
        components: &[Option<&[u8]>],
    ) -> Result<Vec<Attribute>, SdpError> {
        match self {
            Self::Attributes(names) => attributes::write(names, plugin_id, components),
            Self::Opaque => opaque::write(plugin_id, components),
        }
    }

    /// One component's init data among the attributes that hold for its media section.
    pub(super) fn read(
        &self,
        plugin_id: &str,
        component_id: u16,
        section: &[Attribute],
    ) -> Result<Option<Vec<u8>>, SdpError> {
        match self {
            Self::Attributes(names) => Ok(attributes::read(names, section)),
            Self::Opaque => opaque::read(plugin_id, component_id, section),
        }
    }
}

fn attribute_name(name: &str) -> Result<String, InitDataFormatError> {
    if !is_token(name) {
        return Err(InitDataFormatError::NotAToken(name.to_owned()));
    }
    if is_reserved(name) {
        return Err(InitDataFormatError::Reserved(name.to_owned()));
    }
    Ok(name.to_owned())
}

/// Attributes that the host writes or reads. Names are case-sensitive, but lenient peers exist.
fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 11] = [
        "bundle-only",
        "candidate",
        "end-of-candidates",
        "group",
        "mid",
        "remote-candidates",
        "rtcp",
        "rtcp-mux",
        "rtcp-mux-only",
        "setup",
        opaque::NAME,
    ];
    let name = name.to_ascii_lowercase();
    name.starts_with("ice-") || RESERVED.contains(&name.as_str())
}

/// RFC 8866, section 9: `token`.
fn is_token(name: &str) -> bool {
    let is_token_char =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_char)
}

#[cfg(test)]
mod tests;
