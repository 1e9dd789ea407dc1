//! The header declares the types of Rust, field by field.

use crate::contract;
use crate::declarations::{Declarations, without_comments};
use crate::generated::generated;
use std::collections::BTreeMap;

#[test]
fn structs_have_the_fields_of_rust() {
    let header = Declarations::parse(contract()).structs;
    let rust = generated().structs;
    let names =
        |structs: &BTreeMap<String, _>| -> Vec<String> { structs.keys().cloned().collect() };
    assert_eq!(
        names(&header),
        names(&rust),
        "left: the header's structs, right: Rust's"
    );
    for (name, fields) in &header {
        assert_eq!(
            *fields, rust[name],
            "{name}: left the header's fields, right Rust's"
        );
    }
}

#[test]
fn typedefs_are_those_of_rust() {
    assert_eq!(
        Declarations::parse(contract()).typedefs,
        generated().typedefs
    );
}

/// Where it expands to nothing, no compiler notices that it is missing.
#[test]
fn function_pointers_name_their_calling_convention() {
    let bare = without_comments(contract())
        .lines()
        .find(|line| line.contains("(*"))
        .map(str::to_owned);
    assert_eq!(bare, None, "write `(HC_CDECL *name)`");
}
