//! The C ABI between a Handclasp host and its handshake plugins.
//!
//! These are the `repr(C)` types of `include/handclasp.h`, under the same names, and nothing else: no
//! behaviour and no convenience. The header is the document to read; a Rust author uses the crate
//! `handclasp-plugin` instead.
//!
//! This crate's version is the ABI's. Types derive [`StableAbi`] so that a host can
//! compare the layouts a Rust plugin was compiled with to its own before the first call.
#![allow(non_camel_case_types, missing_docs)] // the header documents each name once

use abi_stable::StableAbi;
use abi_stable::library::AbiHeader;
use abi_stable::type_layout::TypeLayout;
use core::ffi::{c_char, c_void};

pub use abi_stable;

// ------------------------------------------------------------------ constants

/// The first eight bytes of a descriptor: `HANDCLSP` as a little-endian machine stores it.
pub const HC_MAGIC: u64 = 0x5053_4c43_444e_4148;
pub const HC_ABI_MAJOR: u32 = 0;
pub const HC_ABI_MINOR: u32 = 2;
/// FNV-1a over the header's declarations: notices a reordering where sizes stay equal.
pub const HC_DECLARATIONS: u64 = 0x9b66_5d15_1d3b_dca8;

/// What a call into a plugin answers. Append-only; negative values are failures.
pub type hc_status = i32;
pub const HC_PENDING: hc_status = 0;
pub const HC_FINISHED: hc_status = 1;
pub const HC_DISCARDED: hc_status = 2;
pub const HC_ERROR_OPTION: hc_status = -1;
pub const HC_ERROR_PEER_REJECTED: hc_status = -2;
pub const HC_ERROR_AUTHENTICATION: hc_status = -3;
pub const HC_ERROR_CLOSED_BY_PEER: hc_status = -4;
pub const HC_ERROR_BAD_STATE: hc_status = -5;
pub const HC_ERROR_UNSUPPORTED: hc_status = -6;
pub const HC_ERROR_INTERNAL: hc_status = -7;
pub const HC_ERROR_PANIC: hc_status = -8;

/// `hc_plugin.flags`: the library below reads the system's clock, not `now_ns`.
pub const HC_OWN_CLOCK: u32 = 1;
/// `hc_plugin.flags`: needs more of the system than memory, threads, clocks and the files its options name.
pub const HC_NEEDS_SYSTEM: u32 = 2;

pub const HC_OPTION_STRING: u32 = 0;
pub const HC_OPTION_INTEGER: u32 = 1;
pub const HC_OPTION_BOOLEAN: u32 = 2;
pub const HC_OPTION_FILE: u32 = 3;
pub const HC_OPTION_REQUIRED: u32 = 1;
pub const HC_OPTION_SECRET: u32 = 2;
pub const HC_OPTION_REPEATED: u32 = 4;

/// `hc_extension.flags`: refuse the plugin if the host lacks this extension.
pub const HC_EXTENSION_REQUIRED: u32 = 1;

pub const HC_ROLE_INITIATOR: u32 = 1;
pub const HC_ROLE_RESPONDER: u32 = 2;

pub const HC_LOG_ERROR: u32 = 1;
pub const HC_LOG_WARN: u32 = 2;
pub const HC_LOG_INFO: u32 = 3;
pub const HC_LOG_DEBUG: u32 = 4;
pub const HC_LOG_TRACE: u32 = 5;

/// Most packets a plugin may emit in one call.
pub const HC_MAX_PACKETS: u32 = 64;
/// Most bytes of packets a plugin may emit in one call.
pub const HC_MAX_PACKET_BYTES: u32 = 65536;
/// `hc_call.deadline` with this value clears the deadline.
pub const HC_NO_DEADLINE: u64 = u64::MAX;

// ------------------------------------------------------------------ core

/// Bytes lent for the length of a call; `data` may be null only when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_bytes {
    pub data: *const u8,
    pub len: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_option {
    pub key: *const c_char,
    pub default_value: *const c_char,
    pub help: *const c_char,
    pub type_: u32,
    pub flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_extension {
    pub id: *const c_char,
    pub table: *const c_void,
    pub table_size: u32,
    pub flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_host {
    pub struct_size: u32,
    pub reserved: u32,
    pub ctx: *mut c_void,
    pub log_enabled: Option<unsafe extern "C" fn(host: *const hc_host, level: u32) -> u32>,
    pub log: Option<unsafe extern "C" fn(host: *const hc_host, level: u32, message: hc_bytes)>,
    pub keylog_enabled: Option<unsafe extern "C" fn(host: *const hc_host) -> u32>,
    pub keylog: Option<unsafe extern "C" fn(host: *const hc_host, line: hc_bytes)>,
    pub random: Option<
        unsafe extern "C" fn(host: *const hc_host, buffer: *mut u8, len: usize) -> hc_status,
    >,
    pub extension:
        Option<unsafe extern "C" fn(host: *const hc_host, id: *const c_char) -> *const c_void>,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_setting {
    pub key: hc_bytes,
    pub value: hc_bytes,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_init {
    pub struct_size: u32,
    pub component_id: u32,
    pub component_count: u32,
    pub mtu: u32,
    pub stream_id: u64,
    pub instance_id: u64,
    pub options: *const hc_setting,
    pub option_count: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_call {
    pub struct_size: u32,
    pub reserved: u32,
    pub now_ns: u64,
    pub ctx: *mut c_void,
    pub packet: Option<unsafe extern "C" fn(call: *const hc_call, datagram: hc_bytes) -> hc_status>,
    pub init_data: Option<unsafe extern "C" fn(call: *const hc_call, data: hc_bytes) -> hc_status>,
    pub handshake_data:
        Option<unsafe extern "C" fn(call: *const hc_call, data: hc_bytes) -> hc_status>,
    pub deadline: Option<unsafe extern "C" fn(call: *const hc_call, at_ns: u64) -> hc_status>,
    pub error: Option<unsafe extern "C" fn(call: *const hc_call, sentence: hc_bytes) -> hc_status>,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_plugin {
    pub magic: u64,
    pub declarations: u64,
    pub abi_major: u32,
    pub abi_minor: u32,
    pub pointer_bytes: u32,
    pub big_endian: u32,
    pub struct_size: u32,
    pub flags: u32,
    pub id: [c_char; 48],
    pub version: [c_char; 24],
    pub name: *const c_char,
    pub vendor: *const c_char,
    pub license: *const c_char,
    pub description: *const c_char,
    pub init_data_type: *const c_char,
    pub handshake_data_type: *const c_char,
    pub options: *const hc_option,
    pub option_count: usize,
    pub extensions: *const hc_extension,
    pub extension_count: usize,
    pub rust_layout: *const c_void,
    pub reserved: *const c_void,
    pub load: Option<unsafe extern "C" fn() -> hc_status>,
    pub unload: Option<unsafe extern "C" fn()>,
    pub init: Option<
        unsafe extern "C" fn(
            host: *const hc_host,
            init: *const hc_init,
            call: *const hc_call,
            instance: *mut *mut c_void,
        ) -> hc_status,
    >,
    pub connection_ready:
        Option<unsafe extern "C" fn(instance: *mut c_void, call: *const hc_call) -> hc_status>,
    pub recv_from_peer: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            datagram: hc_bytes,
            call: *const hc_call,
        ) -> hc_status,
    >,
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}

// ------------------------------------------------------------------ hc.peer/1

pub const HC_PEER: &str = "hc.peer/1";

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_peer {
    pub struct_size: u32,
    pub role: u32,
    pub init_data: hc_bytes,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_peer_table {
    pub set_peer: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            peer: *const hc_peer,
            call: *const hc_call,
        ) -> hc_status,
    >,
}

// ------------------------------------------------------------------ hc.timer/1

pub const HC_TIMER: &str = "hc.timer/1";

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_timer_table {
    pub on_deadline:
        Option<unsafe extern "C" fn(instance: *mut c_void, call: *const hc_call) -> hc_status>,
}

// ------------------------------------------------------------------ hc.classify/1

pub const HC_CLASSIFY: &str = "hc.classify/1";

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_classify_table {
    pub first_bytes: [u8; 32],
    pub is_handshake:
        Option<unsafe extern "C" fn(instance: *mut c_void, datagram: hc_bytes) -> u32>,
}

// ------------------------------------------------------------------ hc.close/1

pub const HC_CLOSE: &str = "hc.close/1";

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_close_table {
    pub close:
        Option<unsafe extern "C" fn(instance: *mut c_void, call: *const hc_call) -> hc_status>,
}

// ------------------------------------------------------------------ hc.wake/1

pub const HC_WAKE: &str = "hc.wake/1";

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_wake_table {
    pub on_wake:
        Option<unsafe extern "C" fn(instance: *mut c_void, call: *const hc_call) -> hc_status>,
}

/// What `hc_host.extension("hc.wake/1")` answers.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_wake_host {
    pub wake: Option<unsafe extern "C" fn(host: *const hc_host, instance_id: u64)>,
}

// ------------------------------------------------------------------ hc.export/1

pub const HC_EXPORT: &str = "hc.export/1";

#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct hc_export_table {
    pub exporter: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            label: hc_bytes,
            context: *const hc_bytes,
            buffer: *mut u8,
            len: usize,
        ) -> hc_status,
    >,
}

// ------------------------------------------------------------------ reserved

/// Reserved: one datagram in, one out, in place (SRTP, Noise).
pub const HC_TRANSPORT: &str = "hc.transport/1";
/// Reserved: messages that do not map one to one on datagrams.
pub const HC_MESSAGE: &str = "hc.message/1";

// ------------------------------------------------------------------ sizes

/// Asserts sizes with pointers of 64 and of 32 bits, as the header does.
macro_rules! sizes {
    ($($name:ident $size_64:literal $size_32:literal)*) => {
        $(const _: () = assert!(
            size_of::<$name>() == if size_of::<usize>() == 8 { $size_64 } else { $size_32 },
            concat!("the size of ", stringify!($name))
        );)*
    };
}

sizes! {
    hc_bytes 16 8
    hc_option 32 20
    hc_extension 24 16
    hc_host 64 36
    hc_setting 32 16
    hc_init 48 40
    hc_call 64 40
    hc_plugin 256 184
    hc_peer 24 16
    hc_peer_table 8 4
    hc_timer_table 8 4
    hc_classify_table 40 36
    hc_close_table 8 4
    hc_wake_table 8 4
    hc_wake_host 8 4
    hc_export_table 8 4
}

// ------------------------------------------------------------------ layouts of a Rust plugin

/// What `hc_plugin.rust_layout` points to. Read `header` first: only when it
/// [is valid](AbiHeader::is_valid) may the rest be touched.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RustLayout {
    pub header: AbiHeader,
    pub core: &'static TypeLayout,
    pub extensions: *const ExtensionLayout,
    pub extension_count: usize,
}

/// The layout of one extension's table, in the order of `hc_plugin.extensions`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ExtensionLayout {
    pub table: &'static TypeLayout,
}

/// Every type of the core contract in one, so that one comparison covers them all.
#[repr(C)]
#[derive(StableAbi)]
pub struct Core {
    plugin: hc_plugin,
    option: hc_option,
    extension: hc_extension,
    peer: hc_peer,
}
