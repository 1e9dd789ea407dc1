//! Plugins: shared libraries with one exported descriptor, `handclasp_plugin`.
//!
//! The life of a library, in this order:
//!
//! 1. **Find**: a [`SearchPath`] lists the libraries of its directories in a [`Catalogue`].
//! 2. **Vet**: each is refused or taken by its owner and mode, and by what its file says: machine, ABI,
//!    id and version. Nothing of it runs. Every refusal is one sentence: the file, the cause, the remedy.
//! 3. **Copy**: it is vetted again and copied to memory or a file that is this process's own, and known by the SHA-256
//!    of its content ([`PrivateCopies`]).
//! 4. **Scan**: another process takes the next two steps with it, and says how it went ([`Scanner`]).
//! 5. **Open**: the copy is mapped, and never unmapped.
//! 6. **Check**: the descriptor in memory, its tables and, of a Rust plugin, its layouts. Until all is checked, none of
//!    the descriptor's functions is called; constructors have run by then, and what a Rust plugin's layouts lead to.
//! 7. **Call**: one [`Instance`] for each component, with options that [`validate`] let through. Its state
//!    is its type.
//!
//! Whoever wants a call made, and knows no more of a plugin than its [`PluginInfo`], says so with a [`Request`], which
//! names the instance by its number; what came of it comes back in a [`Completion`]. Both are plain data. Instances live
//! with what carries requests out: an [`InProcess`] for plugins that are mapped here.
//!
//! A [`Loader`] goes from the first step to the sixth. Up to the fourth there is no unsafe code, and nothing of
//! the library has been executed here. The unsafe code of this program is in `open`, `description`, `tables`,
//! `images`, `instance`, `collector`, `emitters`, `host_table`, `unwind`, `lent`, `watch` and `os`, and nowhere else.
#![allow(unsafe_code)]

mod call_counter;
mod catalogue;
mod choice;
mod collector;
mod copy;
mod description;
mod descriptor;
mod effects;
mod elf;
mod emitters;
pub(crate) mod ending;
mod executable;
mod fault;
mod first_bytes;
mod host_table;
mod image;
mod images;
mod in_process;
mod info;
mod instance;
pub mod lent;
mod linker;
mod load_error;
mod loader;
mod loading;
mod log;
mod open;
mod open_error;
mod option_error;
mod option_kind;
mod options;
mod os;
mod request;
mod scan;
mod scratch;
#[cfg(target_os = "linux")]
mod sealed;
mod search;
mod secrets;
mod segments;
mod stamp;
mod symbol;
mod tables;
mod unwind;
mod version;
mod vet;
mod vet_error;
#[cfg(target_os = "linux")]
pub mod watch;

pub use call_counter::CallCount;
pub use catalogue::{Catalogue, FindError};
pub use copy::{CopyError, PrivateCopies, PrivateCopy};
pub use description::{Description, ExtensionInfo, Layout};
pub use descriptor::is_id;
pub use effects::{Deadline, Effects};
pub use fault::{CallName, Failure, FailureKind, Fault};
pub use first_bytes::FirstBytes;
pub use host_table::Services;
pub use in_process::{InProcess, Made};
pub use info::PluginInfo;
pub use instance::{
    AwaitingPeer, AwaitingReady, Connected, Failed, Finished, InProgress, InitParameters, Instance,
    Role, Spent, Started, Step, init,
};
pub use load_error::Error;
pub use loader::Loader;
pub use log::PluginLog;
pub use open::Plugin;
pub use open_error::OpenError;
pub use option_error::{MAX_VALUE, MAX_VALUES, OptionError, OptionFault};
pub use option_kind::OptionKind;
pub use options::{OptionSpec, validate};
pub use os::end_with_parent;
pub(crate) use request::nanos_since;
pub use request::{Call, Completion, ExportParameters, Outcome, Request};
pub(crate) use scan::PATIENCES;
#[cfg(unix)]
pub use scan::answer;
pub use scan::{ScanError, Scanned, Scanner};
pub use scratch::Scratch;
pub use search::{NamedBy, PLUGIN_PATH, SearchPath};
pub use stamp::{Stamp, is_being_written};
pub use vet::{Found, vet};
pub use vet_error::{MAX_LIBRARY_BYTES, Refusal, VetError};

#[cfg(all(test, target_os = "linux"))]
mod tests;
