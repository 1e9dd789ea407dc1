//! What becomes of an exception that leaves a plugin's function.
//!
//! This process cannot catch it: it belongs to another language, or to another copy of Rust's library. And where a
//! function is not declared to unwind, an exception out of it is undefined behaviour. So plugins' functions are called
//! as `C-unwind`, and what unwinds out of one ends the process at once, by a sentence that names plugin and call.
use super::ending::UnderWay;
use super::fault::{CallName, TELL_THE_AUTHOR};
use std::io::Write;
use std::mem::{forget, transmute};

/// A function of the contract, as this host calls it.
pub(super) trait Unwinding: Copy {
    /// The same function, which may unwind.
    type Function: Copy;

    /// Only the type changes.
    fn unwinding(self) -> Self::Function;
}

macro_rules! unwinding {
    ($($argument:ident)*) => {
        impl<$($argument,)* Answer> Unwinding for unsafe extern "C" fn($($argument),*) -> Answer {
            type Function = unsafe extern "C-unwind" fn($($argument),*) -> Answer;

            fn unwinding(self) -> Self::Function {
                // SAFETY: a function of the ABI "C" may be called as one of "C-unwind" with the same signature.
                unsafe { transmute::<Self, Self::Function>(self) }
            }
        }
    };
}

unwinding!();
unwinding!(A);
unwinding!(A B);
unwinding!(A B C);
unwinding!(A B C D);
unwinding!(A B C D E);

/// Makes a call into a plugin, which ends the process if an exception leaves it. Where the process ends already, this does
/// not return.
#[inline]
pub(super) fn guarded<T>(plugin: &str, call: CallName, body: impl FnOnce() -> T) -> T {
    let _under_way = UnderWay::begin();
    let guard = Guard { plugin, call };
    let answer = body();
    forget(guard);
    answer
}

/// Dropped by unwinding only.
struct Guard<'a> {
    plugin: &'a str,
    call: CallName,
}

impl Drop for Guard<'_> {
    #[cold]
    fn drop(&mut self) {
        let (plugin, call) = (self.plugin, self.call.as_str());
        // Not through the log, which another thread writes. Where there is no standard error nothing can be said.
        let _ = writeln!(
            std::io::stderr(),
            "plugin {plugin}: {call} threw an exception, which nothing can catch here: this process ends; \
             {TELL_THE_AUTHOR}"
        );
        std::process::abort();
    }
}
