//! C and C++ lay the structs out as Rust does.

use crate::compiler::{Language, STRICT, compilers};
use crate::contract;
use crate::declarations::Declarations;
use handclasp_abi::*;
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
        hc_host { struct_size, reserved, ctx, log_enabled, log, keylog, random, extension }
        hc_setting { key, value }
        hc_init { struct_size, component_id, component_count, mtu, stream_id, instance_id, options, option_count }
        hc_call { struct_size, reserved, now_ns, ctx, packet, init_data, handshake_data, deadline, error }
        hc_plugin {
            magic, declarations, abi_major, abi_minor, pointer_bytes, big_endian, struct_size, flags, id, version,
            name, vendor, license, description, init_data_type, handshake_data_type,
            options, option_count, extensions, extension_count, rust_layout,
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
