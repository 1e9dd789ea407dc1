//! Copies that can be taken away: the host writes them in one mapping of some memory, plugins read them in another.
use super::Loan;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// Most bytes of a loan: more than a datagram has.
const MOST: usize = 64 << 10;
/// As many loans are out of reach before the place of the first is used again.
const SLOTS: usize = 256;

/// Places for loans, side by side; each ends with a page that nobody can read.
pub(super) struct Arena {
    /// The host's view.
    written: *mut u8,
    /// The plugins' view, of which only what is lent can be read.
    lent: *mut u8,
    /// Whether what was lent is out of reach afterwards; else it is only what is behind it.
    takes_back: bool,
    page: usize,
    /// Bytes of a slot, with its last page.
    stride: usize,
    slots: Box<[Slot]>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    is_taken: AtomicBool,
    /// What it is lent as, or was.
    loan: AtomicU8,
    /// How much of it is lent: what stands right before the last page.
    len: AtomicUsize,
}

/// What a plugin did that it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    Bounds,
    Write,
    Later,
}

// SAFETY: both views are of this arena alone and as long as it; a slot is written by the thread that has taken it.
unsafe impl Send for Arena {}
// SAFETY: the same.
unsafe impl Sync for Arena {}

static ARENA: OnceLock<Arena> = OnceLock::new();

/// The one that is used, if one is.
#[inline]
pub(super) fn in_use() -> Option<&'static Arena> {
    ARENA.get()
}

/// Uses one from now on.
pub(super) fn use_one(takes_back: bool) -> io::Result<()> {
    if in_use().is_none() {
        let arena = Arena::map(takes_back)?;
        // Where another thread was first, its arena is as good.
        let _ = ARENA.set(arena);
    }
    Ok(())
}

impl Arena {
    pub(super) fn map(takes_back: bool) -> io::Result<Self> {
        let page = page_size();
        let stride = MOST.next_multiple_of(page) + page;
        let len = SLOTS * stride;
        let memory = memfd_create("handclasp-lent", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, len as u64)?;
        let arena = Self {
            written: map(&memory, len, libc::PROT_READ | libc::PROT_WRITE)?,
            lent: map(&memory, len, libc::PROT_NONE)?,
            takes_back,
            page,
            stride,
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            next: AtomicUsize::new(0),
        };
        let is_set =
            takes_back || (0..SLOTS).all(|number| arena.protect(number, MOST, libc::PROT_READ));
        match is_set {
            true => Ok(arena),
            false => Err(io::Error::last_os_error()),
        }
    }

    /// Nothing if it is empty, too long, or all slots are taken.
    pub(super) fn lend<T: Copy>(&self, loan: Loan, items: &[T]) -> Option<Copied<'_>> {
        let len = size_of_val(items);
        if len == 0 || len > MOST {
            return None;
        }
        let number = (0..SLOTS)
            .map(|_| self.next.fetch_add(1, Ordering::Relaxed) % SLOTS)
            .find(|&number| !self.slots[number].is_taken.swap(true, Ordering::Acquire))?;
        let slot = &self.slots[number];
        let place = self.end(number) - len;
        // SAFETY: the place is in the slot, before its last page, and no other thread has this slot. It is aligned for
        // `T`: the page begins at a multiple of that, and `len` is one of it.
        unsafe { ptr::copy_nonoverlapping(items.as_ptr().cast(), self.written.add(place), len) };
        slot.loan.store(loan as u8, Ordering::Relaxed);
        slot.len.store(len, Ordering::Release);
        let copied = Copied {
            arena: self,
            number,
            len,
        };
        let is_lent = !self.takes_back || self.protect(number, len, libc::PROT_READ);
        is_lent.then_some(copied)
    }

    /// Where the last page of a slot begins.
    fn end(&self, number: usize) -> usize {
        (number + 1) * self.stride - self.page
    }

    /// Sets what plugins can do with the last `len` bytes of a slot.
    fn protect(&self, number: usize, len: usize, protection: i32) -> bool {
        let len = len.next_multiple_of(self.page);
        // SAFETY: whole pages of this arena's own mapping, which is only read, and only through loans.
        let answer = unsafe {
            let pages = self.lent.add(self.end(number) - len);
            libc::mprotect(pages.cast(), len, protection)
        };
        answer == 0
    }

    /// What was done wrong, and with what, if this is where a plugin could not read or write.
    pub(super) fn misuse(&self, address: usize) -> Option<(Misuse, Loan)> {
        let offset = address.checked_sub(self.lent.addr())?;
        let number = offset / self.stride;
        let slot = self.slots.get(number)?;
        let loan = Loan::ALL[usize::from(slot.loan.load(Ordering::Relaxed))];
        let len = slot.len.load(Ordering::Acquire);
        let is_inside = (self.end(number) - len..self.end(number)).contains(&offset);
        let misuse = match len {
            0 => Misuse::Later,
            _ if is_inside => Misuse::Write,
            _ => Misuse::Bounds,
        };
        Some((misuse, loan))
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let len = SLOTS * self.stride;
        for view in [self.written, self.lent] {
            // SAFETY: a mapping of this arena's, of which nothing is lent: loans borrow the arena.
            unsafe { libc::munmap(view.cast(), len) };
        }
    }
}

fn page_size() -> usize {
    // SAFETY: it only answers.
    let answer = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(answer).expect("Linux always knows")
}

fn map(memory: &OwnedFd, len: usize, protection: i32) -> io::Result<*mut u8> {
    // SAFETY: a new mapping, where the system has room.
    let mapped = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            protection,
            libc::MAP_SHARED,
            memory.as_raw_fd(),
            0,
        )
    };
    match mapped {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        mapped => Ok(mapped.cast()),
    }
}

/// A copy that plugins can read, until it is dropped.
pub(super) struct Copied<'a> {
    arena: &'a Arena,
    number: usize,
    len: usize,
}

impl Copied<'_> {
    pub(super) fn data<T>(&self) -> *const T {
        // SAFETY: inside the mapping.
        let data = unsafe { self.arena.lent.add(self.arena.end(self.number) - self.len) };
        data.cast_const().cast()
    }
}

impl Drop for Copied<'_> {
    fn drop(&mut self) {
        let slot = &self.arena.slots[self.number];
        if self.arena.takes_back {
            self.arena.protect(self.number, self.len, libc::PROT_NONE);
        }
        slot.len.store(0, Ordering::Release);
        slot.is_taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether this can be read, as the system sees it.
    fn is_readable(address: usize) -> bool {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
        maps.lines().any(|line| {
            let (range, rest) = line.split_once(' ').expect("a range, then the rest");
            let (start, end) = range.split_once('-').expect("a range");
            let number = |digits| usize::from_str_radix(digits, 16).expect("hexadecimal");
            (number(start)..number(end)).contains(&address) && rest.starts_with('r')
        })
    }

    #[test]
    fn a_loan_ends_before_a_page_that_nobody_can_read_and_is_gone_when_it_is_over() {
        let arena = Arena::map(true).expect("there is memory");
        let copied = arena.lend(Loan::Datagram, b"lent").expect("there is room");
        let data: *const u8 = copied.data();
        // SAFETY: four bytes are lent.
        assert_eq!(unsafe { std::slice::from_raw_parts(data, 4) }, b"lent");
        let (first, behind) = (data.addr(), data.addr() + 4);
        assert!(is_readable(first) && !is_readable(behind));
        assert_eq!(arena.misuse(first), Some((Misuse::Write, Loan::Datagram)));
        assert_eq!(arena.misuse(behind), Some((Misuse::Bounds, Loan::Datagram)));
        drop(copied);
        assert!(!is_readable(first));
        assert_eq!(arena.misuse(first), Some((Misuse::Later, Loan::Datagram)));
        assert_eq!(arena.misuse(arena.written.addr() + 1), None);
    }

    #[test]
    fn where_nothing_is_taken_back_what_is_behind_a_loan_is_out_of_reach_all_the_same() {
        let arena = Arena::map(false).expect("there is memory");
        let copied = arena.lend(Loan::Label, b"lent").expect("there is room");
        let first = copied.data::<u8>().addr();
        assert!(is_readable(first) && !is_readable(first + 4));
        drop(copied);
        assert!(is_readable(first) && !is_readable(first + 4));
    }

    #[test]
    fn the_longest_datagram_fits_and_structs_are_aligned() {
        let arena = Arena::map(true).expect("there is memory");
        let long = vec![7; 65_507];
        let copied = arena.lend(Loan::Datagram, &long).expect("there is room");
        // SAFETY: as many bytes are lent.
        let lent = unsafe { std::slice::from_raw_parts(copied.data::<u8>(), long.len()) };
        assert_eq!(lent, long);
        let numbers = arena
            .lend(Loan::Options, &[1u64, 2, 3])
            .expect("there is room");
        assert!(numbers.data::<u64>().is_aligned());
        assert!(arena.lend(Loan::Datagram, &[0u8; 0]).is_none());
        assert!(arena.lend(Loan::Datagram, &vec![0u8; MOST + 1]).is_none());
    }

    #[test]
    fn a_place_is_left_alone_until_all_others_were_used_and_while_it_is_lent() {
        let arena = Arena::map(true).expect("there is memory");
        let kept = arena.lend(Loan::Init, b"kept").expect("there is room");
        let gone = arena.lend(Loan::Value, b"gone").expect("there is room");
        let (kept_at, gone_at) = (kept.data::<u8>().addr(), gone.data::<u8>().addr());
        drop(gone);
        for _ in 2..SLOTS {
            drop(arena.lend(Loan::Datagram, b"more").expect("there is room"));
            assert_eq!(arena.misuse(gone_at), Some((Misuse::Later, Loan::Value)));
        }
        let next = arena.lend(Loan::Datagram, b"more").expect("there is room");
        assert_ne!(next.data::<u8>().addr(), kept_at);
        assert_eq!(next.data::<u8>().addr(), gone_at);
    }
}
