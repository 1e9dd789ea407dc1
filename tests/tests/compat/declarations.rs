//! What was released stays as it was.
use crate::release::Release;
use handclasp_abi::{HC_ABI_MAJOR, HC_ABI_MINOR, HC_DECLARATIONS};

/// The value of a macro `UINT32_C(…)` or `UINT64_C(…)`.
fn constant(header: &str, name: &str) -> u64 {
    let definition = format!("#define {name} UINT");
    let line = header
        .lines()
        .find_map(|line| line.strip_prefix(&definition));
    let value = line.and_then(|rest| rest.split_once('(')?.1.split_once(')'));
    let value = value
        .unwrap_or_else(|| panic!("the header defines {name}"))
        .0;
    match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => value.parse(),
    }
    .expect("it is a number")
}

/// That the hash is that of the declarations is the business of the tests `header`.
#[test]
fn declarations_change_with_the_version_only() {
    for release in Release::all() {
        let (major, minor) = (release.major, release.minor);
        let header = release.header();
        let version = ["HC_ABI_MAJOR", "HC_ABI_MINOR"].map(|name| constant(&header, name));
        assert_eq!(version, [u64::from(major), u64::from(minor)]);
        if (major, minor) == (HC_ABI_MAJOR, HC_ABI_MINOR) {
            assert!(
                constant(&header, "HC_DECLARATIONS") == HC_DECLARATIONS,
                "{major}.{minor} has been released: what its header declares cannot change any more. Raise HC_ABI_MINOR, \
                 in include/handclasp.h and plugin-api/abi/src/lib.rs"
            );
        }
    }
}
