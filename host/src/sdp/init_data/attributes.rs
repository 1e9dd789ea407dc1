//! Init data as attributes that every SDP implementation knows, such as `fingerprint` (RFC 8122).

use crate::sdp::{MAX_LINE, SdpError};
use sdp_types::Attribute;

/// Every component's lines, each once: they stand in the one section that the components share.
pub(super) fn write(
    names: &[String],
    plugin_id: &str,
    components: &[Option<&[u8]>],
) -> Result<Vec<Attribute>, SdpError> {
    let mut written = Vec::new();
    for data in components.iter().flatten() {
        let data = data.strip_suffix(b"\n").unwrap_or(data);
        if data.is_empty() {
            continue;
        }
        for (number, line) in (1..).zip(data.split(|&byte| byte == b'\n')) {
            let line = check(names, line).map_err(|fault| SdpError::BadInitDataLine {
                plugin: plugin_id.to_owned(),
                line: number,
                fault,
            })?;
            if !written.contains(&line) {
                written.push(line);
            }
        }
    }
    Ok(written)
}

fn check(names: &[String], line: &[u8]) -> Result<Attribute, &'static str> {
    if line.len() > MAX_LINE - "a=".len() {
        return Err("is too long for a line of SDP; shorten it");
    }
    let line = std::str::from_utf8(line).map_err(|_| "is not UTF-8; encode it")?;
    if line.contains(['\r', '\0']) {
        return Err("contains CR or NUL; separate lines by LF alone");
    }
    let attribute = parse(line.strip_prefix("a=").unwrap_or(line));
    if !names.contains(&attribute.attribute) {
        return Err("is not an attribute the plugin declared; add its name to init_data_type");
    }
    Ok(attribute)
}

fn parse(line: &str) -> Attribute {
    match line.split_once(':') {
        Some((name, value)) => Attribute::with_value(name, value),
        None => Attribute::new(line),
    }
}

/// The peer's lines of these names in the peer's order, joined by LF; `None` without any.
pub(super) fn read(names: &[String], section: &[Attribute]) -> Option<Vec<u8>> {
    let lines: Vec<String> = section
        .iter()
        .filter(|attribute| names.contains(&attribute.attribute))
        .map(line)
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n").into_bytes())
}

fn line(attribute: &Attribute) -> String {
    match &attribute.value {
        Some(value) => format!("{}:{value}", attribute.attribute),
        None => attribute.attribute.clone(),
    }
}
