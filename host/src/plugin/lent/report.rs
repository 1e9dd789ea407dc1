//! Says what a plugin did with lent memory, before it crashes of it.
use super::arena::{Misuse, in_use};
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::IntoRawFd;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

/// The descriptor of the report, or none.
static REPORT: AtomicI32 = AtomicI32::new(-1);
/// What handles SIGSEGV otherwise.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// Reports to this file, which is then never closed.
pub(super) fn to(file: File) -> io::Result<()> {
    REPORT.store(file.into_raw_fd(), Ordering::Release);
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeros are an action, whose handler is then one of the right type for SA_SIGINFO; it calls nothing that
    // a signal's handler must not.
    let set = unsafe {
        let action = action.assume_init_mut();
        action.sa_sigaction = on_fault as extern "C" fn(_, _, _) as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, action, before.as_mut_ptr())
    };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just written, and zeroed before that. The first one counts: later ones are this file's own.
    BEFORE.get_or_init(|| unsafe { before.assume_init() });
    Ok(())
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: SA_SIGINFO promises the information, and SIGSEGV's has an address.
    let address = unsafe { (*info).si_addr() }.addr();
    if let Some((misuse, loan)) = in_use().and_then(|arena| arena.misuse(address)) {
        let words = match misuse {
            Misuse::Bounds => ["it went beyond the bounds of ", loan.words(), ""],
            Misuse::Write => ["it wrote to ", loan.words(), ", which is lent for reading"],
            Misuse::Later => ["it came back to ", loan.words(), " of a call that was over"],
        };
        for words in words {
            let report = REPORT.load(Ordering::Acquire);
            // SAFETY: as many bytes are there. What cannot be written makes a finding less precise, no more.
            unsafe { libc::write(report, words.as_ptr().cast(), words.len()) };
        }
    }
    if let Some(before) = BEFORE.get() {
        // The instruction faults again when this returns, and then what was there before handles it.
        // SAFETY: the action is one that the process had; the old one is not asked for.
        unsafe { libc::sigaction(signal, before, ptr::null_mut()) };
    }
}
