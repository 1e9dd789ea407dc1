//! `HC_DECLARATIONS` is the hash of the declarations as they stand.

use crate::contract;
use crate::declarations::without_comments;
use handclasp_abi::HC_DECLARATIONS;

/// FNV-1a, 64 bits.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// That the header's value is Rust's is the business of `constants`.
#[test]
fn declarations_have_not_changed() {
    let code = without_comments(contract());
    let words: Vec<_> = code.split_whitespace().collect();
    let hash = fnv1a(&words.join(" "));
    assert!(
        hash == HC_DECLARATIONS,
        "the declarations in include/handclasp.h have changed: a changed declaration needs a new \
         HC_ABI_MINOR while the ABI is 0.x. Raise it, and set HC_DECLARATIONS to {hash:#018x}, both in \
         the header and in plugin-api/abi/src/lib.rs."
    );
}

#[test]
fn hash_is_fnv1a() {
    assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8); // the authors' test vector
}
