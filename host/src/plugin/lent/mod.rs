//! What is lent to a plugin, for the length of a call.
//!
//! It is the host's own memory, where a plugin that reads on, or comes back later, finds something, as a rule. For those
//! who look for such plugins there is [`guard`]: from then on a plugin is lent copies that end where no memory is, cannot
//! be written to and, if that is asked for, are out of reach once the call has returned. On Linux so far.
#[cfg(target_os = "linux")]
mod arena;
#[cfg(target_os = "linux")]
mod report;

use handclasp_abi as abi;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ptr;

/// Something that is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Loan {
    Call,
    Init,
    Options,
    Key,
    Value,
    Peer,
    InitData,
    Datagram,
    Label,
    Context,
}

impl Loan {
    #[cfg(target_os = "linux")]
    const ALL: [Self; 10] = [
        Self::Call,
        Self::Init,
        Self::Options,
        Self::Key,
        Self::Value,
        Self::Peer,
        Self::InitData,
        Self::Datagram,
        Self::Label,
        Self::Context,
    ];

    /// In the middle of a sentence.
    #[cfg(target_os = "linux")]
    fn words(self) -> &'static str {
        match self {
            Self::Call => "an hc_call",
            Self::Init => "an hc_init",
            Self::Options => "the options of an hc_init",
            Self::Key => "an option's key",
            Self::Value => "an option's value",
            Self::Peer => "an hc_peer",
            Self::InitData => "the peer's init data",
            Self::Datagram => "a datagram",
            Self::Label => "an exporter's label",
            Self::Context => "an exporter's context",
        }
    }
}

/// Some `T`s that are lent until this is dropped.
pub(super) struct Lent<'a, T> {
    data: *const T,
    len: usize,
    items: PhantomData<&'a [T]>,
    #[cfg(target_os = "linux")]
    _copy: Option<arena::Copied<'static>>,
}

/// Lends them for as long as what is returned is kept.
#[inline]
pub(super) fn lend<T: Copy>(loan: Loan, items: &[T]) -> Lent<'_, T> {
    #[cfg(target_os = "linux")]
    let copy = arena::in_use().and_then(|arena| arena.lend(loan, items));
    #[cfg(target_os = "linux")]
    let data = copy.as_ref().map_or(items.as_ptr(), |copy| copy.data());
    #[cfg(not(target_os = "linux"))]
    let (data, _) = (items.as_ptr(), loan);
    Lent {
        data,
        len: items.len(),
        items: PhantomData,
        #[cfg(target_os = "linux")]
        _copy: copy,
    }
}

impl<T> Lent<'_, T> {
    #[inline]
    pub(super) fn as_ptr(&self) -> *const T {
        self.data
    }
}

impl Lent<'_, u8> {
    /// Bytes as the contract has them: what is empty is null.
    #[inline]
    pub(super) fn bytes(&self) -> abi::hc_bytes {
        let data = match self.len {
            0 => ptr::null(),
            _ => self.data,
        };
        abi::hc_bytes {
            data,
            len: self.len,
        }
    }
}

/// Guards all that is lent in this process from now on. A plugin that goes beyond its bounds or writes to it crashes and,
/// if it `takes_back`, one that comes back to it later, which makes each call some 10 microseconds longer. Before that
/// `report` is written to: what the plugin did, as half a sentence.
///
/// # Errors
/// The system has no means for this, or no memory.
pub fn guard(report: File, takes_back: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return report::to(report).and_then(|()| arena::use_one(takes_back));
    #[cfg(not(target_os = "linux"))]
    {
        drop((report, takes_back));
        Err(io::ErrorKind::Unsupported.into())
    }
}
