//! The header as cbindgen would write it from the Rust types.

use crate::declarations::Declarations;
use cbindgen::{Builder, Config, Language};
use std::path::Path;

const RUST: &str = include_str!("../../../plugin-api/abi/src/lib.rs");

pub(crate) fn generated() -> Declarations {
    let mut config = Config {
        language: Language::C,
        usize_is_size_t: true,
        documentation: false,
        ..Config::default()
    };
    config.export.include = contract_types();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/abi/src/lib.rs");
    let mut header = Vec::new();
    Builder::new()
        .with_config(config)
        .with_src(source)
        .generate()
        .expect("the ABI crate is plain Rust that cbindgen reads")
        .write(&mut header);
    let mut found = Declarations::parse(&String::from_utf8(header).expect("cbindgen writes UTF-8"));
    found.constants.extend(text_constants());
    found
}

/// cbindgen leaves out what no function uses, and the ABI crate has no function. Types with other names
/// (`RustLayout` and its parts) are Rust's alone.
fn contract_types() -> Vec<String> {
    RUST.lines()
        .filter_map(|line| line.strip_prefix("pub struct hc_"))
        .map(|rest| format!("hc_{}", rest.trim_end_matches(" {")))
        .collect()
}

/// cbindgen also leaves out constants of type `&str`.
fn text_constants() -> impl Iterator<Item = (String, String)> {
    RUST.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("pub const ")?.split_once(": &str = ")?;
        Some((name.to_owned(), value.trim_end_matches(';').to_owned()))
    })
}
