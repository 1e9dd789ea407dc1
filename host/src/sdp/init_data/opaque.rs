//! Init data as bytes: `a=handclasp-init:<plugin id> <base64>`.
//!
//! One line if all components have the same; else one line per component, in order.

use super::is_token;
use crate::sdp::{MAX_LINE, SdpError};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use sdp_types::Attribute;

pub(super) const NAME: &str = "handclasp-init";

/// A component without init data counts as one with empty init data as soon as another has some: the
/// lines are told apart by their position alone.
pub(super) fn write(
    plugin_id: &str,
    components: &[Option<&[u8]>],
) -> Result<Vec<Attribute>, SdpError> {
    if components.iter().all(Option::is_none) {
        return Ok(Vec::new());
    }
    if !is_token(plugin_id) {
        return Err(SdpError::BadPluginId(plugin_id.to_owned()));
    }
    let mut components: Vec<&[u8]> = components
        .iter()
        .map(|data| data.unwrap_or_default())
        .collect();
    if components.iter().all(|data| *data == components[0]) {
        components.truncate(1);
    }
    components
        .into_iter()
        .map(|data| encode(plugin_id, data))
        .collect()
}

fn encode(plugin_id: &str, data: &[u8]) -> Result<Attribute, SdpError> {
    let value = match data {
        [] => plugin_id.to_owned(), // without the space: a trailing one does not survive every channel
        data => format!("{plugin_id} {}", BASE64_STANDARD.encode(data)),
    };
    if "a=:".len() + NAME.len() + value.len() > MAX_LINE {
        return Err(SdpError::InitDataTooLong {
            plugin: plugin_id.to_owned(),
            bytes: data.len(),
        });
    }
    Ok(Attribute::with_value(NAME, value))
}

/// Component *n* takes the *n*th line of this plugin, or the only one.
pub(super) fn read(
    plugin_id: &str,
    component_id: u16,
    section: &[Attribute],
) -> Result<Option<Vec<u8>>, SdpError> {
    let lines: Vec<&str> = section
        .iter()
        .filter_map(|attribute| payload(plugin_id, attribute))
        .collect();
    let line = match lines.as_slice() {
        [only] => Some(only),
        lines => usize::from(component_id)
            .checked_sub(1)
            .and_then(|index| lines.get(index)),
    };
    line.map(|line| BASE64_STANDARD.decode(line))
        .transpose()
        .map_err(|_| SdpError::BadBase64 {
            plugin: plugin_id.to_owned(),
        })
}

/// What stands behind this plugin's id.
fn payload<'a>(plugin_id: &str, attribute: &'a Attribute) -> Option<&'a str> {
    let value = attribute
        .value
        .as_deref()
        .filter(|_| attribute.attribute == NAME)?
        .trim();
    let (id, payload) = value.split_once(' ').unwrap_or((value, ""));
    (id == plugin_id).then(|| payload.trim_start())
}
