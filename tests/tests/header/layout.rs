//! C and C++ lay the structs out as Rust does.

use crate::compiler::{Compiler, Language, STRICT, compilers};
use crate::contract;
use crate::declarations::Declarations;
use handclasp_abi::*;
use handclasp_tests::is_here;
use std::fs;
use std::mem::offset_of;

struct Layout {
    name: &'static str,
    size: usize,
    offsets: Vec<(&'static str, usize)>,
}

/// Takes apart each struct by its fields, so that a list that lacks one does not compile.
macro_rules! layouts {
    ($($name:ident { $($field:ident),* })*) => {
        [$({
            let _complete = |$name { $($field: _),* }: $name| {};
            Layout {
                name: stringify!($name),
                size: size_of::<$name>(),
                offsets: vec![$((stringify!($field), offset_of!($name, $field))),*],
            }
        }),*]
    };
}

#[rustfmt::skip] // a struct a line
fn layouts() -> impl IntoIterator<Item = Layout> {
    layouts! {
        hc_bytes { data, len }
        hc_option { key, default_value, help, type_, flags }
        hc_extension { id, table, table_size, flags }
        hc_host { struct_size, reserved, ctx, log_enabled, log, keylog_enabled, keylog, random, extension }
        hc_setting { key, value }
        hc_init { struct_size, component_id, component_count, mtu, stream_id, instance_id, options, option_count }
        hc_call { struct_size, reserved, now_ns, ctx, packet, init_data, handshake_data, deadline, error }
        hc_plugin {
            magic, declarations, abi_major, abi_minor, pointer_bytes, big_endian, struct_size, flags, id, version,
            name, vendor, license, description, init_data_type, handshake_data_type,
            options, option_count, extensions, extension_count, rust_layout, reserved,
            load, unload, init, connection_ready, recv_from_peer, destroy
        }
        hc_peer { struct_size, role, init_data }
        hc_peer_table { set_peer }
        hc_timer_table { on_deadline }
        hc_classify_table { first_bytes, is_handshake }
        hc_close_table { close }
        hc_wake_table { on_wake }
        hc_wake_host { wake }
        hc_export_table { exporter }
    }
}

#[test]
fn sizes_and_offsets_are_those_of_rust() {
    let mut source =
        String::from("#include <assert.h>\n#include <stddef.h>\n#include \"handclasp.h\"\n");
    for Layout {
        name,
        size,
        offsets,
    } in layouts()
    {
        source += &format!("static_assert(sizeof({name}) == {size}, \"sizeof({name})\");\n");
        for (field, offset) in offsets {
            let field = field.trim_end_matches('_'); // `type` is a keyword of Rust only
            source += &format!(
                "static_assert(offsetof({name}, {field}) == {offset}, \"{name}.{field}\");\n"
            );
        }
    }
    for language in [Language::C11, Language::Cpp17] {
        for compiler in compilers(language) {
            compiler.check(&source, STRICT);
        }
    }
}

/// The header asserts the sizes itself: wherever 64-bit integers are aligned, and without padding.
#[test]
fn sizes_hold_on_32_bit_machines() {
    if !is_here("clang", "clang") {
        return;
    }
    let libc = tempfile::tempdir().expect("the system's temporary directory is writable");
    for (name, declarations) in [
        (
            "stdio.h",
            "int vsnprintf(char *, size_t, const char *, __builtin_va_list);",
        ),
        (
            "string.h",
            "size_t strlen(const char *); int memcmp(const void *, const void *, size_t);",
        ),
    ] {
        let header = format!("#include <stddef.h>\n{declarations}\n");
        fs::write(libc.path().join(name), header).expect("the directory was just made");
    }
    let libc = libc
        .path()
        .to_str()
        .expect("temporary directories have plain names");
    for target in ["arm-none-eabi", "i686-pc-linux-gnu", "mips-none-elf"] {
        let compiler = Compiler::clang_for(target);
        let flags = [
            STRICT,
            &["-ffreestanding", "-nostdlibinc", "-isystem", libc],
        ]
        .concat();
        compiler.check("#include \"handclasp.h\"\n", &flags);
    }
}

#[test]
fn no_struct_is_left_out() {
    let mut checked: Vec<_> = layouts()
        .into_iter()
        .map(|layout| layout.name.to_owned())
        .collect();
    checked.sort();
    let declared: Vec<_> = Declarations::parse(contract())
        .structs
        .into_keys()
        .collect();
    assert_eq!(
        checked, declared,
        "left: structs checked here, right: the header's"
    );
}
