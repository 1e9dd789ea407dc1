//! Libraries that this process has mapped: of the same content one image, whichever host asks. They stay mapped.
use super::ending;
use super::open_error::Cause;
use handclasp_abi as abi;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A library that is mapped.
pub(super) struct Image {
    pub(super) descriptor: &'static abi::hc_plugin,
    /// Whether a `load` of it has returned.
    is_loaded: AtomicBool,
    /// Whether an `init` of it has returned.
    is_used: AtomicBool,
}

// SAFETY: what the descriptor points to is never written after the library's constructors have run.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

/// One image, once it is mapped: whoever wants the same one waits for that.
type Slot = Mutex<Option<&'static Image>>;

/// By the SHA-256 of their content.
static IMAGES: Mutex<BTreeMap<String, &'static Slot>> = Mutex::new(BTreeMap::new());

impl Image {
    /// The image of this content, mapped by `map` if it is not.
    pub(super) fn of(
        sha256: &str,
        map: impl FnOnce() -> Result<&'static abi::hc_plugin, Cause>,
    ) -> Result<&'static Self, Cause> {
        let mut slot = slot(sha256).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = *slot {
            return Ok(image);
        }
        let image = Box::leak(Box::new(Self {
            descriptor: map()?,
            is_loaded: AtomicBool::new(false),
            is_used: AtomicBool::new(false),
        }));
        ending::prepare();
        *slot = Some(image);
        Ok(image)
    }

    /// A `load` of it has returned.
    pub(super) fn loaded(&self) {
        prepare_once(&self.is_loaded);
    }

    /// An `init` of it has returned.
    #[inline]
    pub(super) fn used(&self) {
        prepare_once(&self.is_used);
    }
}

fn prepare_once(is_done: &AtomicBool) {
    if !is_done.load(Ordering::Relaxed) && !is_done.swap(true, Ordering::Relaxed) {
        ending::prepare();
    }
}

fn slot(sha256: &str) -> &'static Slot {
    let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = images.get(sha256) {
        return slot;
    }
    let slot: &'static Slot = Box::leak(Box::default());
    images.insert(sha256.to_owned(), slot);
    slot
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn what_is_mapped_is_mapped_once_and_what_cannot_be_is_tried_again() {
        // SAFETY: a descriptor of nothing but null pointers and zeros is one.
        let descriptor = Box::leak(Box::new(unsafe { std::mem::zeroed::<abi::hc_plugin>() }));
        let refused = Image::of("content", || Err(Cause::Changed));
        assert!(matches!(refused, Err(Cause::Changed)));
        let image = Image::of("content", || Ok(descriptor)).ok();
        let again = Image::of("content", || unreachable!("it is mapped")).ok();
        let other = Image::of("other content", || Ok(descriptor)).ok();
        let address = |image: Option<&'static Image>| image.map(ptr::from_ref);
        assert!(image.is_some() && address(image) == address(again));
        assert!(other.is_some() && address(image) != address(other));
    }
}
