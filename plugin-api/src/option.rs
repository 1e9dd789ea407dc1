use handclasp_abi as abi;
use std::ffi::CStr;
use std::ptr;

/// An option a plugin takes. The host checks what is given against it, and fills in the default.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec(pub(crate) abi::hc_option);

impl OptionSpec {
    /// Free text.
    pub const fn string(key: &'static CStr) -> Self {
        Self::new(key, abi::HC_OPTION_STRING)
    }

    /// A decimal integer of 64 bits.
    pub const fn integer(key: &'static CStr) -> Self {
        Self::new(key, abi::HC_OPTION_INTEGER)
    }

    /// `true` or `false`.
    pub const fn boolean(key: &'static CStr) -> Self {
        Self::new(key, abi::HC_OPTION_BOOLEAN)
    }

    /// The path of a file that the plugin reads. The host has checked that it is there, regular and readable.
    pub const fn file(key: &'static CStr) -> Self {
        Self::new(key, abi::HC_OPTION_FILE)
    }

    const fn new(key: &'static CStr, type_: u32) -> Self {
        Self(abi::hc_option {
            key: key.as_ptr(),
            default_value: ptr::null(),
            help: c"".as_ptr(),
            type_,
            flags: 0,
        })
    }

    /// The value where none is given.
    pub const fn default(mut self, value: &'static CStr) -> Self {
        self.0.default_value = value.as_ptr();
        self
    }

    /// One line for `handclasp plugins inspect`.
    pub const fn help(mut self, line: &'static CStr) -> Self {
        self.0.help = line.as_ptr();
        self
    }

    /// `init` never runs without it.
    pub const fn required(mut self) -> Self {
        self.0.flags |= abi::HC_OPTION_REQUIRED;
        self
    }

    /// Never shown or logged.
    pub const fn secret(mut self) -> Self {
        self.0.flags |= abi::HC_OPTION_SECRET;
        self
    }

    /// May be given more than once.
    pub const fn repeated(mut self) -> Self {
        self.0.flags |= abi::HC_OPTION_REPEATED;
        self
    }

    #[doc(hidden)]
    pub const fn raw(self) -> abi::hc_option {
        self.0
    }
}
