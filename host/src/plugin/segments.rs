//! Whether a library's segments are what the system's linker takes them for: it follows addresses without a look.
use super::symbol::Symbol;
use super::vet_error::VetError;
use handclasp_abi::hc_plugin;
use object::elf::{
    PF_W, PF_X, PT_DYNAMIC, PT_GNU_EH_FRAME, PT_GNU_RELRO, PT_LOAD, PT_TLS, ProgramType,
};
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};
use object::{Endianness, ReadRef};

/// One program header's part of memory.
#[derive(Clone, Copy)]
struct Segment {
    kind: ProgramType,
    start: u64,
    /// Behind what comes from the file.
    filled: u64,
    end: u64,
    offset: u64,
    writable: bool,
    executable: bool,
}

/// Bytes of an address, and of most entries: the machine is this one.
const WORD: u64 = size_of::<usize>() as u64;

/// Refuses what would lead the linker astray. Returns whether the library could change its descriptor, which is read
/// again when the library is let go of.
///
/// Of relocations it is looked where they write to: what they write is the library's own business.
pub(super) fn check<'d, E, R>(file: &ElfFile<'d, E, R>, symbol: &Symbol) -> Result<bool, VetError>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let segments = segments(file)?;
    let loaded: Vec<Segment> = of(&segments, PT_LOAD).collect();
    if loaded.windows(2).any(|pair| pair[0].end > pair[1].start) {
        return Err(VetError::Damaged(
            "its segments overlap or are out of order",
        ));
    }
    let image = Image {
        data: file.data(),
        loaded,
    };
    let within = of(&segments, PT_DYNAMIC)
        .chain(of(&segments, PT_TLS))
        .chain(of(&segments, PT_GNU_EH_FRAME));
    for header in within {
        image.find(
            header.start,
            header.filled - header.start,
            "a program header",
        )?;
    }
    if !symbol
        .address
        .is_multiple_of(align_of::<hc_plugin>() as u64)
    {
        return Err(VetError::Misaligned);
    }
    for dynamic in of(&segments, PT_DYNAMIC) {
        image.check_dynamic(dynamic)?;
    }
    Ok(image.is_writable(symbol, &segments))
}

fn segments<'d, E, R>(file: &ElfFile<'d, E, R>) -> Result<Vec<Segment>, VetError>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'d>,
{
    let endian = file.endian();
    let segment = |header: &E::ProgramHeader| {
        let (start, flags) = (header.p_vaddr(endian).into(), header.p_flags(endian));
        let (filled, size) = (
            header.p_filesz(endian).into(),
            header.p_memsz(endian).into(),
        );
        Some(Segment {
            kind: header.p_type(endian),
            start,
            filled: start.checked_add(filled)?,
            end: start.checked_add(size).filter(|_| filled <= size)?,
            offset: header.p_offset(endian).into(),
            writable: flags.contains(PF_W),
            executable: flags.contains(PF_X),
        })
    };
    let used = |header: &&E::ProgramHeader| {
        [PT_LOAD, PT_DYNAMIC, PT_TLS, PT_GNU_EH_FRAME, PT_GNU_RELRO]
            .contains(&header.p_type(endian))
    };
    let headers = file.elf_program_headers().iter().filter(used);
    headers
        .map(segment)
        .collect::<Option<_>>()
        .ok_or(VetError::Damaged("a program header contradicts itself"))
}

fn of(segments: &[Segment], kind: ProgramType) -> impl Iterator<Item = Segment> + '_ {
    segments
        .iter()
        .copied()
        .filter(move |segment| segment.kind == kind)
}

struct Image<R> {
    data: R,
    loaded: Vec<Segment>,
}

impl<'d, R: ReadRef<'d>> Image<R> {
    /// The segment that all of this is in.
    fn find(&self, start: u64, size: u64, what: &'static str) -> Result<Segment, VetError> {
        let end = start.checked_add(size);
        let holds = |segment: &&Segment| {
            segment.start <= start && end.is_some_and(|end| end <= segment.end)
        };
        self.loaded
            .iter()
            .find(holds)
            .copied()
            .ok_or(VetError::Outside(what))
    }

    fn is_writable(&self, symbol: &Symbol, segments: &[Segment]) -> bool {
        let end = symbol.address.saturating_add(size_of::<hc_plugin>() as u64);
        let holds = |segment: &Segment| segment.start <= symbol.address && end <= segment.end;
        let holder = self.loaded.iter().find(|segment| holds(segment));
        let writable = holder.is_none_or(|segment| segment.writable);
        writable && !of(segments, PT_GNU_RELRO).any(|relro| holds(&relro))
    }

    fn check_dynamic(&self, dynamic: Segment) -> Result<(), VetError> {
        let mut entries = Vec::new();
        for pair in self
            .read(dynamic, dynamic.start, dynamic.filled - dynamic.start)?
            .chunks_exact(2)
        {
            match pair[0] {
                NULL => break,
                tag => entries.push((tag, pair[1])),
            }
        }
        let value = |wanted| {
            entries
                .iter()
                .find(|(tag, _)| *tag == wanted)
                .map(|(_, value)| *value)
        };
        for (tag, what) in ADDRESSES {
            if let Some(address) = value(tag) {
                self.find(address, WORD, what)?;
            }
        }
        for (tag, size, what) in TABLES {
            if let Some(address) = value(tag) {
                self.find(address, value(size).unwrap_or_default(), what)?;
            }
        }
        for (tag, what) in FUNCTIONS {
            if let Some(address) = value(tag)
                && !self.find(address, 1, what)?.executable
            {
                return Err(VetError::Outside(what));
            }
        }
        let plt = if value(PLTREL) == Some(RELA) { 3 } else { 2 };
        for (tag, size, words) in [(RELA, RELASZ, 3), (REL, RELSZ, 2), (JMPREL, PLTRELSZ, plt)] {
            if let Some(address) = value(tag) {
                self.check_relocations(address, value(size).unwrap_or_default(), words)?;
            }
        }
        Ok(())
    }

    fn check_relocations(&self, address: u64, size: u64, words: usize) -> Result<(), VetError> {
        let segment = self.find(address, size, "its relocations")?;
        let mut last: Option<Segment> = None;
        for relocation in self.read(segment, address, size)?.chunks_exact(words) {
            let (place, kind) = (relocation[0], relocation[1] & 0xff);
            let holds = |segment: &Segment| segment.start <= place && place < segment.end;
            if kind != 0 && !last.as_ref().is_some_and(holds) {
                last = Some(self.find(place, 1, "what a relocation changes")?);
            }
        }
        Ok(())
    }

    /// The words at an address of a segment.
    fn read(&self, segment: Segment, address: u64, size: u64) -> Result<Vec<u64>, VetError> {
        let offset = segment.offset.checked_add(address - segment.start);
        let inside = address
            .checked_add(size)
            .is_some_and(|end| end <= segment.filled);
        let bytes = offset
            .filter(|_| inside)
            .and_then(|offset| self.data.read_bytes_at(offset, size).ok());
        let words = bytes
            .ok_or(VetError::CutShort)?
            .chunks_exact(size_of::<usize>());
        let word = |word: &[u8]| {
            usize::from_ne_bytes(word.try_into().expect("a chunk has that size")) as u64
        };
        Ok(words.map(word).collect())
    }
}

const NULL: u64 = 0;
const PLTRELSZ: u64 = 2;
const RELA: u64 = 7;
const RELASZ: u64 = 8;
const REL: u64 = 17;
const RELSZ: u64 = 18;
const PLTREL: u64 = 20;
const JMPREL: u64 = 23;

/// Entries of the dynamic table that are addresses.
const ADDRESSES: [(u64, &str); 7] = [
    (3, "its global offset table"),
    (4, "its hash table"),
    (6, "its symbols"),
    (0x6fff_fef5, "its hash table"),
    (0x6fff_fff0, "its symbols' versions"),
    (0x6fff_fffc, "the versions it defines"),
    (0x6fff_fffe, "the versions it needs"),
];

/// Those that have another entry for their size.
const TABLES: [(u64, u64, &str); 4] = [
    (5, 10, "its strings"),
    (25, 27, "its constructors"),
    (26, 28, "its destructors"),
    (36, 35, "its relocations"),
];

/// Those that are functions.
const FUNCTIONS: [(u64, &str); 2] = [(12, "its first function"), (13, "its last function")];
