//! What a plugin can change in the whole process, where no file of /proc tells it: for those who look for such plugins.
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

/// The locale of C's library, all its categories in one text.
pub fn locale() -> String {
    // SAFETY: null asks for the name, which is valid until the next call; nothing else here calls it.
    let name = unsafe { libc::setlocale(libc::LC_ALL, ptr::null()) };
    if name.is_null() {
        return String::new();
    }
    // SAFETY: not null, and a C string.
    unsafe { CStr::from_ptr(name) }
        .to_string_lossy()
        .into_owned()
}

/// What handles each signal that there is: its number, and an address or one of the system's own constants.
pub fn signal_handlers() -> Vec<(i32, usize)> {
    let handler = |signal: c_int| {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: null for the new action asks for the old one, which is written if the call succeeds.
        let asked = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
        // SAFETY: it was just written.
        (asked == 0).then(|| (signal, unsafe { action.assume_init() }.sa_sigaction))
    };
    (1..=MOST_SIGNALS).filter_map(handler).collect()
}

/// More than any system has: asking for one that there is not fails.
const MOST_SIGNALS: c_int = 128;

/// What is left of the timers of real time, of CPU time, and of both user's and system's.
pub fn interval_timers() -> [Duration; 3] {
    [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF].map(|timer| {
        let mut left = MaybeUninit::<libc::itimerval>::zeroed();
        // SAFETY: it is written to, and zero before that.
        let left = unsafe {
            libc::getitimer(timer, left.as_mut_ptr());
            left.assume_init()
        };
        let seconds = u64::try_from(left.it_value.tv_sec).unwrap_or_default();
        let micros = u64::try_from(left.it_value.tv_usec).unwrap_or_default();
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    })
}

/// Lets C's library write what its streams hold back.
pub fn flush() {
    // SAFETY: null stands for all streams.
    unsafe { libc::fflush(ptr::null_mut()) };
}
