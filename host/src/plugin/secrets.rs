//! What a plugin must not say: secret options' values and what its handshakes agreed on. Known here for as long as they
//! are in use, and found in what it says: as they are, in hexadecimal, in base64, or as a list of numbers.
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// The secrets of a plugin's instances. Nothing here panics, or uses thread-local variables: a plugin may log at any
/// moment.
pub(super) struct Secrets {
    hasher: RandomState,
    known: Mutex<Known>,
}

/// Nothing is indexed before a plugin says something: most say nothing while a secret lives, and a secret's pieces take
/// more room and time than itself.
#[derive(Default)]
struct Known {
    /// Those that are not indexed.
    fresh: HashMap<Id, Secret>,
    indexed: HashMap<Id, Secret>,
    /// Of each piece of what is indexed: its hash, of which secret it is, and where in that it begins.
    pieces: BTreeSet<(u32, Id, u16)>,
    /// How many indexed secrets have pieces of this length, which is that of short ones.
    lengths: [u32; PIECE + 1],
}

/// The secret's hash, or the next number that no other secret has.
type Id = u32;

struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    uses: u32,
}

/// A secret is known until this is dropped.
pub(super) struct Kept {
    secrets: Arc<Secrets>,
    id: Id,
}

/// Bytes that are looked up at a time, each at a multiple of so many: of a longer secret, any part of 12 bytes is found,
/// such as a salt of SRTP.
const PIECE: usize = 8;
const STEP: usize = 5;
/// Fewer bytes are found everywhere.
const LEAST: usize = 4;
/// Of longer secrets the beginning only.
const MOST: usize = 4096;
/// What stands in place of a secret.
const BLANK: &[u8] = b"[secret]";

impl Secrets {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            hasher: RandomState::new(),
            known: Mutex::default(),
        })
    }

    /// Keeps a secret, unless it is too short to be told from anything else.
    pub(super) fn keep(self: &Arc<Self>, secret: &[u8]) -> Option<Kept> {
        let secret = &secret[..secret.len().min(MOST)];
        if secret.len() < LEAST {
            return None;
        }
        let mut id = self.hash(secret);
        let mut known = self.lock();
        loop {
            match known.get_mut(id) {
                Some(same) if *same.bytes == secret => {
                    same.uses += 1;
                    break;
                }
                Some(_) => id = id.wrapping_add(1),
                None => {
                    let bytes = Zeroizing::new(secret.to_vec());
                    known.fresh.insert(id, Secret { bytes, uses: 1 });
                    break;
                }
            }
        }
        let secrets = Arc::clone(self);
        Some(Kept { secrets, id })
    }

    fn forget(&self, id: Id) {
        let mut known = self.lock();
        let Some(secret) = known.get_mut(id) else {
            return;
        };
        secret.uses -= 1;
        if secret.uses > 0 || known.fresh.remove(&id).is_some() {
            return;
        }
        let Some(Secret { bytes, .. }) = known.indexed.remove(&id) else {
            return;
        };
        for (start, piece) in pieces(&bytes) {
            known.pieces.remove(&(self.hash(piece), id, start));
        }
        known.lengths[piece_of(&bytes)] -= 1;
    }

    fn index(&self, known: &mut Known) {
        for (id, secret) in known.fresh.drain() {
            let hashed = pieces(&secret.bytes).map(|(start, piece)| (self.hash(piece), id, start));
            known.pieces.extend(hashed);
            known.lengths[piece_of(&secret.bytes)] += 1;
            known.indexed.insert(id, secret);
        }
    }

    /// `text` with each secret, and each part of one that is long enough, blanked; nothing if there is none.
    pub(super) fn blank(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut known = self.lock();
        self.index(&mut known);
        if known.indexed.is_empty() {
            return None;
        }
        let mut found = Vec::new();
        for reading in readings(text) {
            self.find(&known, &reading, &mut found);
        }
        if found.is_empty() {
            return None;
        }
        found.sort_unstable_by_key(|span| span.start);
        let (mut blanked, mut done) = (Vec::with_capacity(text.len()), 0);
        for Range { start, end } in found {
            if start >= done {
                blanked.extend_from_slice(&text[done..start]);
                blanked.extend_from_slice(BLANK);
            }
            done = done.max(end);
        }
        blanked.extend_from_slice(&text[done..]);
        Some(blanked)
    }

    /// Where in the text secrets are that are read this way.
    fn find(&self, known: &Known, reading: &[Read], found: &mut Vec<Range<usize>>) {
        let bytes: Zeroizing<Vec<u8>> =
            Zeroizing::new(reading.iter().map(|read| read.byte).collect());
        let lengths = (LEAST..=PIECE).filter(|length| known.lengths[*length] > 0);
        for length in lengths {
            for (at, piece) in bytes.windows(length).enumerate() {
                let known = known
                    .of_piece(self.hash(piece))
                    .filter_map(|(id, start)| Some((&known.indexed.get(&id)?.bytes, start)));
                let spans =
                    known.filter_map(|(secret, start)| around(secret, start, &bytes, at, length));
                found
                    .extend(spans.map(|span| reading[span.start].start..reading[span.end - 1].end));
            }
        }
    }

    /// Half of it is enough: what looks alike is compared.
    fn hash(&self, bytes: &[u8]) -> u32 {
        self.hasher.hash_one(bytes) as u32
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn get_mut(&mut self, id: Id) -> Option<&mut Secret> {
        let Self { fresh, indexed, .. } = self;
        fresh.get_mut(&id).or_else(|| indexed.get_mut(&id))
    }

    fn of_piece(&self, hash: u32) -> impl Iterator<Item = (Id, usize)> {
        let all = (hash, 0, 0)..=(hash, Id::MAX, u16::MAX);
        let pieces = self.pieces.range(all);
        pieces.map(|(_, id, start)| (*id, usize::from(*start)))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.secrets.forget(self.id);
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

fn piece_of(secret: &[u8]) -> usize {
    secret.len().min(PIECE)
}

/// Each piece and where it begins; the last one ends with the secret.
fn pieces(secret: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let length = piece_of(secret);
    let last = secret.len() - length;
    let starts = (0..last).step_by(STEP).chain([last]);
    // A secret is no longer than `MOST`.
    starts.map(move |start| (start as u16, &secret[start..start + length]))
}

/// How far bytes around `at` are those of the secret around `start`, where they share `length`.
fn around(
    secret: &[u8],
    start: usize,
    bytes: &[u8],
    at: usize,
    length: usize,
) -> Option<Range<usize>> {
    if secret.get(start..start + length) != bytes.get(at..at + length) {
        return None;
    }
    let before = secret[..start].iter().rev().zip(bytes[..at].iter().rev());
    let behind = secret[start + length..].iter().zip(&bytes[at + length..]);
    let before = before.take_while(|(one, other)| one == other).count();
    let behind = behind.take_while(|(one, other)| one == other).count();
    Some(at - before..at + length + behind)
}

/// A byte, and where in the text it is written.
struct Read {
    byte: u8,
    start: usize,
    end: usize,
}

/// All ways to read a text.
fn readings(text: &[u8]) -> impl Iterator<Item = Vec<Read>> {
    let plain = text.iter().enumerate().map(|(at, &byte)| Read {
        byte,
        start: at,
        end: at + 1,
    });
    let digits = hexadecimal_digits(text);
    let hexadecimal = [0, 1].map(|skip| in_hexadecimal(digits.get(skip..).unwrap_or_default()));
    let digits = base64_digits(text);
    let base64 = [0, 1, 2, 3].map(|skip| in_base64(digits.get(skip..).unwrap_or_default()));
    [plain.collect(), in_numbers(text)]
        .into_iter()
        .chain(hexadecimal)
        .chain(base64)
}

/// The digits, and where they are. Words between them count for none, and neither does what is between bytes, such as
/// `:`, `, 0x` or `\x`.
fn hexadecimal_digits(text: &[u8]) -> Vec<(u8, usize)> {
    let mut digits: Vec<(u8, usize)> = Vec::new();
    for (at, &c) in text.iter().enumerate() {
        match char::from(c).to_digit(16) {
            Some(digit) => digits.push((digit as u8, at)),
            None if matches!(c, b'x' | b'X') && at > 0 && digits.last() == Some(&(0, at - 1)) => {
                digits.pop();
            }
            None => {}
        }
    }
    digits
}

/// Of either alphabet.
fn base64_digits(text: &[u8]) -> Vec<(u8, usize)> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let digits = text.iter().enumerate();
    digits
        .filter_map(|(at, &c)| Some((digit(c)?, at)))
        .collect()
}

fn in_hexadecimal(digits: &[(u8, usize)]) -> Vec<Read> {
    let bytes = digits.as_chunks().0.iter();
    let byte = |&[(high, start), (low, end)]: &[(u8, usize); 2]| Read {
        byte: high << 4 | low,
        start,
        end: end + 1,
    };
    bytes.map(byte).collect()
}

/// Three bytes of four digits: each has bits of two neighbours.
fn in_base64(digits: &[(u8, usize)]) -> Vec<Read> {
    let neighbours = digits.iter().zip(digits.iter().skip(1)).enumerate();
    let byte = |(index, (&(high, start), &(low, end)))| {
        let byte = match index % 4 {
            0 => high << 2 | low >> 4,
            1 => high << 4 | low >> 2,
            2 => high << 6 | low,
            _ => return None,
        };
        Some(Read {
            byte,
            start,
            end: end + 1,
        })
    };
    neighbours.filter_map(byte).collect()
}

/// Decimal numbers up to 255, as lists of bytes are often shown.
fn in_numbers(text: &[u8]) -> Vec<Read> {
    let mut read = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digits = text[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        let number = std::str::from_utf8(&text[at..at + digits]).ok();
        if let Some(byte) = number.and_then(|number| number.parse().ok()) {
            read.push(Read {
                byte,
                start: at,
                end: at + digits,
            });
        }
        at += digits.max(1);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    const OPTION: &[u8] = "a pre-shared key, für alle".as_bytes();
    const KEYS: &[u8] =
        b"\x00\x07\x10\x0c-sixteen bytes--twelve bytes+sixteen others!\xfetwelve more\x80";

    fn secrets() -> (Arc<Secrets>, [Option<Kept>; 3]) {
        let secrets = Secrets::new();
        let kept = [OPTION, KEYS, b"1234"].map(|secret| secrets.keep(secret));
        (secrets, kept)
    }

    fn text(secrets: &Secrets, said: &[u8]) -> String {
        let blanked = secrets.blank(said);
        String::from_utf8(blanked.unwrap_or_else(|| said.to_vec())).expect("the rest is text")
    }

    #[test]
    fn a_secret_is_blanked_however_it_is_written_and_wherever_it_begins() {
        let (secrets, _kept) = secrets();
        for secret in [OPTION, KEYS, b"1234"] {
            let hex = |separator: &str, prefix: &str| {
                let digits = secret.iter().map(|byte| format!("{prefix}{byte:02X}"));
                digits.collect::<Vec<_>>().join(separator)
            };
            let written = [
                hex("", "").to_lowercase(),
                hex(":", ""),
                hex(", ", "0x"),
                hex("", "\\x"),
                format!("{secret:?}"),
                STANDARD.encode(secret),
                URL_SAFE_NO_PAD.encode(secret),
            ];
            for before in ["", "x", "key: ", "face ", "that of beef is "] {
                for written in &written {
                    let said = text(&secrets, format!("{before}{written}. And more").as_bytes());
                    let rest: String = said.chars().filter(|c| c.is_ascii_hexdigit()).collect();
                    assert!(said.contains("[secret]"), "{said}");
                    assert!(rest.len() < before.len() + 14, "{said}");
                }
                let plain = [before.as_bytes(), secret, b". And more"].concat();
                assert_eq!(
                    text(&secrets, &plain),
                    format!("{before}[secret]. And more")
                );
            }
            // Behind other bytes that are encoded with it.
            for other in ["x", "xy", "xyz"] {
                let said = STANDARD.encode([other.as_bytes(), secret, b" and more"].concat());
                assert!(
                    text(&secrets, said.as_bytes()).contains("[secret]"),
                    "{other}"
                );
            }
        }
    }

    #[test]
    fn any_part_of_twelve_bytes_is_a_secret_and_other_words_are_none() {
        let (secrets, _kept) = secrets();
        for part in KEYS.windows(12) {
            assert_eq!(text(&secrets, &[b"<", part, b">"].concat()), "<[secret]>");
        }
        for said in ["a key that is shared by all", "123, 4321", ""] {
            assert_eq!(secrets.blank(said.as_bytes()), None, "{said}");
        }
        assert_eq!(text(&secrets, b"1234 and 1234"), "[secret] and [secret]");
    }

    #[test]
    fn a_secret_is_known_for_as_long_as_one_of_its_users_is_there() {
        let secrets = Secrets::new();
        let (one, other) = (secrets.keep(OPTION), secrets.keep(OPTION));
        drop(one);
        assert_eq!(text(&secrets, OPTION), "[secret]");
        drop(other);
        assert_eq!(secrets.blank(OPTION), None);
        let known = secrets.lock();
        assert!(known.fresh.is_empty() && known.indexed.is_empty() && known.pieces.is_empty());
        assert_eq!(known.lengths, [0; PIECE + 1]);
        drop(known);
        assert!(
            secrets.keep(b"abc").is_none(),
            "it would be found everywhere"
        );
    }

    #[test]
    fn nothing_is_indexed_until_something_is_said() {
        let secrets = Secrets::new();
        let early = secrets.keep(OPTION);
        drop(secrets.keep(KEYS));
        assert!(secrets.lock().pieces.is_empty());
        assert_eq!(text(&secrets, OPTION), "[secret]");
        let late = secrets.keep(KEYS);
        assert_eq!(secrets.lock().fresh.len(), 1);
        assert_eq!(text(&secrets, KEYS), "[secret]");
        let again = secrets.keep(KEYS);
        assert!(secrets.lock().fresh.is_empty(), "it is known");
        drop((early, late));
        assert_eq!(text(&secrets, OPTION), String::from_utf8_lossy(OPTION));
        assert_eq!(text(&secrets, KEYS), "[secret]");
        drop(again);
        assert!(secrets.lock().pieces.is_empty());
    }

    #[test]
    fn secrets_whose_hashes_are_alike_are_told_apart() {
        let secrets = Secrets::new();
        let id = secrets.hash(KEYS);
        let bytes = Zeroizing::new(OPTION.to_vec());
        secrets.lock().fresh.insert(id, Secret { bytes, uses: 1 });
        let kept = secrets.keep(KEYS);
        assert_eq!(text(&secrets, &[KEYS, OPTION].concat()), "[secret][secret]");
        drop(kept);
        assert_eq!(text(&secrets, OPTION), "[secret]");
        assert_eq!(secrets.blank(KEYS), None);
    }
}
