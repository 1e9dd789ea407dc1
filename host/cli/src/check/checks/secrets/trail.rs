//! Finds a secret in what was said.
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Bytes of a secret that are looked for at a time: a multiple of three, which base64 encodes by themselves.
const PIECE: usize = 15;
/// Fewer bytes are found everywhere.
const LEAST: usize = 6;

/// Whether it is long enough to be told from anything else.
pub(super) fn is_recognisable(secret: &[u8]) -> bool {
    secret.len() >= LEAST
}

/// How a secret, or a part of it, stands in a text; ends a sentence.
pub(super) fn trail(text: &[u8], secret: &[u8]) -> Option<&'static str> {
    if !is_recognisable(secret) {
        return None;
    }
    let hexadecimal: Vec<u8> = text
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
        .collect();
    let url = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let base64: Vec<u8> = text.iter().map(url).collect();
    pieces(secret).find_map(|piece| {
        if contains(text, piece) {
            Some("")
        } else if contains(&hexadecimal, hex(piece).as_bytes()) {
            Some(", in hexadecimal")
        } else if encoded(piece)
            .iter()
            .any(|piece| contains(&base64, piece.as_bytes()))
        {
            Some(", in base64")
        } else {
            None
        }
    })
}

/// The last one may share bytes with the one before it: all are equally telling.
fn pieces(secret: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = secret.chunks_exact(PIECE);
    let last = &secret[secret.len().saturating_sub(PIECE)..];
    whole.chain([last])
}

fn hex(piece: &[u8]) -> String {
    piece.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As base64 has it behind a number of bytes that is a multiple of three, and one, and two more.
fn encoded(piece: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|before| {
        let bytes = [&[0; 2][..before], piece].concat();
        let text = STANDARD_NO_PAD.encode(&bytes);
        // The first digits hold bits of what is before, the last of what is behind.
        let start = [0, 2, 3][before];
        let end = bytes.len() * 8 / 6;
        text[start..end].to_owned()
    })
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] =
        b"\x01\x02 a key of sixty bytes, which is as long as those of SRTP are\xfe";

    #[test]
    fn a_secret_is_found_however_it_is_written_and_wherever_it_begins() {
        let colons: Vec<_> = SECRET.iter().map(|byte| format!("{byte:02X}")).collect();
        for before in ["", "x", "xy", "the key "] {
            let behind = |secret: &[u8]| [before.as_bytes(), secret, b" and more"].concat();
            assert_eq!(trail(&behind(SECRET), SECRET), Some(""));
            for hexadecimal in [hex(SECRET), colons.join(":")] {
                let text = behind(hexadecimal.as_bytes());
                assert_eq!(trail(&text, SECRET), Some(", in hexadecimal"));
            }
            let text = STANDARD_NO_PAD.encode(behind(SECRET));
            assert_eq!(trail(text.as_bytes(), SECRET), Some(", in base64"));
            let url = text.replace('+', "-").replace('/', "_");
            assert_eq!(trail(url.as_bytes(), SECRET), Some(", in base64"));
        }
    }

    #[test]
    fn a_part_is_enough_and_another_text_is_none() {
        assert_eq!(trail(&SECRET[10..45], SECRET), Some(""));
        assert_eq!(trail(&SECRET[SECRET.len() - PIECE..], SECRET), Some(""));
        assert_eq!(
            trail(b"a key of other bytes, and what is said of it", SECRET),
            None
        );
        assert_eq!(
            trail(b"short", b"short"),
            None,
            "it would be found everywhere"
        );
    }
}
