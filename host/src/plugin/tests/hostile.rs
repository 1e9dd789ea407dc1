//! Files made to break whoever reads them: any answer is right that is an answer.
use std::fs;
use std::io::Cursor;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::fixture::{Source, directory};
use crate::plugin::VetError;
use crate::plugin::descriptor::Descriptor;

static PLUGIN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let directory = directory();
    let file = Source::default().compile(directory.path(), "it.so");
    fs::read(file).expect("it was just written")
});

fn read(bytes: &[u8]) -> Result<Descriptor, VetError> {
    Descriptor::read(Cursor::new(bytes))
}

/// Starts of the formats that are read, up to the byte after which they differ.
const MAGIC: &[&[u8]] = &[b"\x7fELF\x02\x01\x01", b"MZ", b"\xcf\xfa\xed\xfe", b""];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn arbitrary_bytes_are_refused(
        magic in prop::sample::select(MAGIC),
        rest in prop::collection::vec(any::<u8>(), 0..2048),
    ) {
        prop_assert!(read(&[magic, &rest].concat()).is_err());
    }

    #[test]
    fn a_damaged_plugin_is_no_danger(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 1..=8usize), 1..8),
    ) {
        let mut bytes = PLUGIN.clone();
        for (place, value, width) in damage {
            let start = place.index(bytes.len() - width);
            bytes[start..start + width].copy_from_slice(&value.to_le_bytes()[..width]);
        }
        let _ = read(&bytes);
    }

    #[test]
    fn damaged_headers_are_no_danger(place in 0..0x200usize, value: u64, table in any::<bool>()) {
        let mut bytes = PLUGIN.clone();
        // The program headers stand at the start of the file, the section headers at its end.
        let start = if table { bytes.len() - 8 - place } else { place };
        bytes[start..start + 8].copy_from_slice(&value.to_le_bytes());
        let _ = read(&bytes);
    }

    #[test]
    fn a_plugin_cut_short_is_refused(end in any::<prop::sample::Index>()) {
        let end = end.index(PLUGIN.len());
        prop_assert!(read(&PLUGIN[..end]).is_err());
    }
}

#[test]
fn a_plugin_without_its_last_segment_is_cut_short() {
    use object::{Object, ObjectSegment};
    let file = object::File::parse(&PLUGIN[..]).expect("it is a library");
    let last = file
        .segments()
        .map(|segment| segment.file_range())
        .max()
        .expect("it has segments");
    // The section table stands behind the segments: without it this is a stripped library.
    let mut bytes = PLUGIN[..(last.0 + last.1 - 1) as usize].to_vec();
    bytes[0x28..0x30].fill(0);
    assert!(matches!(read(&bytes), Err(VetError::CutShort)));
}
