//! What ICE reads of a session description.

/// The lines that ICE has a use for. All others become empty, so that nothing in them refuses the description: a fraction
/// in `b=AS:1500.5` or a blank in the user name of `o=`. Each line keeps its number.
pub(super) fn needed(text: &str) -> String {
    let mut needed = String::with_capacity(text.len());
    for line in text.lines() {
        match line.as_bytes() {
            [b'm', b'=', ..] => push_media(&mut needed, line),
            // Without a type a line is no SDP.
            [b'v' | b'a', b'=', ..] | [] | [_] | [_, ..=b'<' | b'>'.., ..] => needed.push_str(line),
            _ => {}
        }
        needed.push('\n');
    }
    needed
}

/// Formats are of no use to ICE, and some leave them out where they reject a section.
fn push_media(needed: &mut String, line: &str) {
    needed.push_str(line);
    if line.split_ascii_whitespace().count() == 3 {
        needed.push_str(" -");
    }
}
