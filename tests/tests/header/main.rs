//! `include/handclasp.h` is written by hand, to be read. These tests keep it equal to the Rust types of
//! `plugin-api/abi`, clean in C and C++, and its example a plugin.

mod compiler;
mod constants;
mod declarations;
mod descriptor;
mod generated;
mod hash;
mod helpers;
mod layout;
mod sources;
mod structs;

use compiler::{Language, STRICT, compilers};

/// The header as it is shipped.
const HEADER: &str = include_str!("../../../include/handclasp.h");

/// What lies between the two marker comments: the contract, without versions, macros and helpers.
fn contract() -> &'static str {
    let (_, rest) = HEADER
        .split_once("/* begin HC_DECLARATIONS */")
        .expect("the header marks where its declarations begin");
    let (contract, _) = rest
        .split_once("/* end HC_DECLARATIONS */")
        .expect("the header marks where its declarations end");
    contract
}

#[test]
fn compiles_alone_and_twice() {
    for language in [Language::C11, Language::Cpp17] {
        for compiler in compilers(language) {
            let source = "#include \"handclasp.h\"\n#include \"handclasp.h\"\nint main(void) { return 0; }\n";
            compiler.check(source, STRICT);
        }
    }
}
