//! What `HC_PLUGIN` leaves in a library, read as a host reads it: from the file.

use crate::compiler::{Language, compilers};
use handclasp_abi::*;
use handclasp_tests::header_example;
use object::{ExportTarget, Object, ObjectSection};
use std::mem::offset_of;

/// The bytes of the `hc_plugin` that is all the library exports.
fn descriptor(library: &[u8]) -> Vec<u8> {
    let file = object::File::parse(library).expect("the compiler writes libraries `object` reads");
    let exports: Vec<_> = file
        .exports()
        .and_then(Iterator::collect)
        .expect("the linker writes a whole symbol table");
    let [export] = exports.as_slice() else {
        panic!("a plugin exports one symbol, this one: {exports:?}");
    };
    let name = export.name().into_name().map(String::from_utf8_lossy);
    let name = name.expect("C exports by name");
    assert_eq!(name.trim_start_matches('_'), "handclasp_plugin"); // Mach-O adds a `_`
    let ExportTarget::Address { address } = export.target() else {
        panic!("the descriptor is no data: {export:?}");
    };
    file.sections()
        .find_map(|section| {
            section
                .data_range(address, size_of::<hc_plugin>() as u64)
                .ok()?
        })
        .expect("a constant descriptor lies in a section of the file")
        .to_vec()
}

fn assert_describes(library: &[u8], flags: u32, id: &str, version: &str) {
    let bytes = descriptor(library);
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let starts = |at: usize, text: &str| bytes[at..].starts_with(format!("{text}\0").as_bytes());
    assert_eq!(long(offset_of!(hc_plugin, magic)), HC_MAGIC);
    assert_eq!(long(offset_of!(hc_plugin, declarations)), HC_DECLARATIONS);
    assert_eq!(word(offset_of!(hc_plugin, abi_major)), HC_ABI_MAJOR);
    assert_eq!(word(offset_of!(hc_plugin, abi_minor)), HC_ABI_MINOR);
    assert_eq!(
        word(offset_of!(hc_plugin, pointer_bytes)) as usize,
        size_of::<usize>()
    );
    assert_eq!(
        word(offset_of!(hc_plugin, big_endian)) != 0,
        cfg!(target_endian = "big")
    );
    assert_eq!(
        word(offset_of!(hc_plugin, struct_size)) as usize,
        size_of::<hc_plugin>()
    );
    assert_eq!(word(offset_of!(hc_plugin, flags)), flags);
    assert!(starts(offset_of!(hc_plugin, id), id), "the id is {id}");
    assert!(
        starts(offset_of!(hc_plugin, version), version),
        "the version is {version}"
    );
}

#[test]
fn example_is_a_plugin_as_it_stands() {
    for compiler in compilers(Language::C11) {
        assert_describes(&compiler.library(&header_example()), 0, "hello", "1.0.0");
    }
}

#[test]
fn every_macro_and_helper_works_in_cpp() {
    for compiler in compilers(Language::Cpp17) {
        let library = compiler.library(include_str!("plugin.cpp"));
        assert_describes(&library, HC_OWN_CLOCK, "cpp", "2.1.0");
    }
}
