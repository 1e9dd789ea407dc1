//! Names of hosts.

/// Whether this is a name that DNS may know (RFC 1123, section 2.1), and no address.
pub(in crate::config) fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let letters = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(letters)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|c| c.is_ascii_digit());
    name.len() <= 253 && !is_number && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::is_host_name;

    #[test]
    fn what_looks_like_an_address_is_no_name() {
        for name in [
            "relay.example.org",
            "localhost",
            "a-b.example.",
            "3com.com",
            "_x.example",
        ] {
            assert!(is_host_name(name), "{name}");
        }
        let long = format!("{}.org", "a".repeat(64));
        for name in [
            "",
            ".",
            "203.0.113",
            "256.1.1.1",
            "1",
            "a..b",
            "-a.org",
            "a b",
            "::1",
            "é.org",
            &long,
        ] {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
