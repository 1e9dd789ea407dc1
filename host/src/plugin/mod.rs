//! Plugins: shared libraries with one exported descriptor, `handclasp_plugin`.

mod option_error;
mod options;

pub use option_error::{OptionError, OptionFault};
pub use options::{OptionKind, OptionSpec, validate};

#[cfg(all(test, target_os = "linux"))]
mod tests;
