//! The header defines the constants of Rust, with their values.

use crate::compiler::{Language, STRICT, compilers};
use crate::declarations::Declarations;
use crate::generated::generated;
use crate::{HEADER, contract};
use std::collections::BTreeSet;

/// Constants that stand before the marked declarations: a hash cannot cover itself, nor should a new
/// version change it.
const BEFORE: [&str; 4] = [
    "HC_MAGIC",
    "HC_ABI_MAJOR",
    "HC_ABI_MINOR",
    "HC_DECLARATIONS",
];

#[test]
fn constants_are_those_of_rust() {
    let header = Declarations::parse(contract()).constants;
    let rust = generated().constants;
    let names: BTreeSet<&str> = header.keys().map(String::as_str).chain(BEFORE).collect();
    let expected: BTreeSet<&str> = rust.keys().map(String::as_str).collect();
    assert_eq!(
        names, expected,
        "left: the header's constants, right: Rust's"
    );
}

#[test]
fn constants_have_the_values_of_rust() {
    let (text, numbers): (Vec<_>, Vec<_>) = generated()
        .constants
        .into_iter()
        .partition(|(_, value)| value.starts_with('"'));
    for (name, value) in text {
        assert!(
            HEADER.contains(&format!("#define {name} {value}")),
            "{name} is {value} in Rust"
        );
    }
    let mut source = String::from("#include <assert.h>\n#include \"handclasp.h\"\n");
    for (name, mut value) in numbers {
        if value.bytes().all(|byte| byte.is_ascii_digit()) {
            value += "u"; // without it, C has no decimal literal above 2^63
        }
        source += &format!("static_assert({name} == {value}, \"{name} is {value} in Rust\");\n");
    }
    for compiler in compilers(Language::C11) {
        compiler.check(&source, STRICT);
    }
}
