use handclasp_abi as abi;
use std::ffi::{CStr, c_char, c_void};

/// A descriptor that may stand in a `static`.
#[repr(transparent)]
#[derive(Debug)]
pub struct Descriptor(pub abi::hc_plugin);

// SAFETY: every pointer in it leads to immutable data of static lifetime, or to a function.
unsafe impl Sync for Descriptor {}

/// The inline text of a descriptor; does not compile when the text is too long.
pub const fn text<const N: usize>(text: &CStr) -> [c_char; N] {
    let bytes = text.to_bytes();
    assert!(
        bytes.len() < N,
        "the id has at most 47 bytes, the version at most 23"
    );
    let mut inline = [0; N];
    let mut at = 0;
    while at < bytes.len() {
        inline[at] = bytes[at] as c_char;
        at += 1;
    }
    inline
}

/// An entry of the descriptor's list of extensions.
pub const fn extension<Table>(
    id: &'static CStr,
    table: &'static Table,
    flags: u32,
) -> abi::hc_extension {
    let table: *const Table = table;
    abi::hc_extension {
        id: id.as_ptr(),
        table: table.cast::<c_void>(),
        table_size: size_of::<Table>() as u32,
        flags,
    }
}

/// Exports a [`Handshake`](crate::Handshake) as this library's plugin.
///
/// `handshake` and `id` are required. After them may follow, in this order: `name`, `vendor`, `license` and
/// `description`, else the crate's own; `init_data_type` and `handshake_data_type`, which name formats the host
/// knows (`sdp-attributes:…`, `srtp-keys`); `own_clock: true` for a library that reads the system's clock;
/// `needs_system: true` for one that uses sockets, devices or other processes; `options`; and `implements`, the
/// extensions. The plugin's version is the crate's.
///
/// ```ignore
/// export! {
///     handshake: Dtls,
///     id: c"dtls-srtp",
///     name: c"DTLS-SRTP",
///     vendor: c"The Handclasp authors",
///     license: c"MIT OR Apache-2.0",
///     description: c"DTLS-SRTP over DTLS 1.2 and 1.3",
///     init_data_type: c"sdp-attributes:fingerprint",
///     handshake_data_type: c"srtp-keys",
///     options: [OptionSpec::string(c"version").default(c"auto").help(c"auto, 1.2 or 1.3")],
///     implements: [Peer(required), Timer, Classify, Close, Export],
/// }
/// ```
#[macro_export]
macro_rules! export {
    (
        handshake: $handshake:ty,
        id: $id:expr
        $(, name: $name:expr)?
        $(, vendor: $vendor:expr)?
        $(, license: $license:expr)?
        $(, description: $description:expr)?
        $(, init_data_type: $init_data_type:expr)?
        $(, handshake_data_type: $handshake_data_type:expr)?
        $(, own_clock: $own_clock:literal)?
        $(, needs_system: $needs_system:literal)?
        $(, options: [$($option:expr),* $(,)?])?
        $(, implements: [$($extension:ident $(($detail:ident))?),* $(,)?])?
        $(,)?
    ) => {
        #[allow(missing_docs, non_upper_case_globals)]
        #[unsafe(no_mangle)]
        pub static handclasp_plugin: $crate::macro_support::Descriptor = {
            use $crate::macro_support::{Tables, abi, text};
            use ::core::ffi::CStr;

            const ID: &CStr = $id;
            const NAME: &CStr = $crate::export!(@or "CARGO_PKG_NAME" $($name)?);
            const VENDOR: &CStr = $crate::export!(@or "CARGO_PKG_AUTHORS" $($vendor)?);
            const LICENSE: &CStr = $crate::export!(@or "CARGO_PKG_LICENSE" $($license)?);
            const DESCRIPTION: &CStr = $crate::export!(@or "CARGO_PKG_DESCRIPTION" $($description)?);
            const VERSION: &CStr = $crate::export!(@or "CARGO_PKG_VERSION");
            #[allow(unused_mut, unused_assignments)]
            const INIT_DATA_TYPE: *const ::core::ffi::c_char = {
                let mut format = ::core::ptr::null();
                $(const INIT: &CStr = $init_data_type; format = INIT.as_ptr();)?
                format
            };
            #[allow(unused_mut, unused_assignments)]
            const HANDSHAKE_DATA_TYPE: *const ::core::ffi::c_char = {
                let mut format = ::core::ptr::null();
                $(const DATA: &CStr = $handshake_data_type; format = DATA.as_ptr();)?
                format
            };
            const FLAGS: u32 = 0
                $(| if $own_clock { abi::HC_OWN_CLOCK } else { 0 })?
                $(| if $needs_system { abi::HC_NEEDS_SYSTEM } else { 0 })?;
            const OPTIONS: &[abi::hc_option] = &[$($($crate::OptionSpec::raw($option)),*)?];
            const EXTENSIONS: &[abi::hc_extension] =
                &[$($($crate::export!(@entry $handshake, $extension $($detail)?)),*)?];
            const EXTENSION_LAYOUTS: &[abi::ExtensionLayout] =
                &[$($($crate::export!(@layout $extension)),*)?];
            const LAYOUT: &abi::RustLayout = &abi::RustLayout {
                header: abi::abi_stable::library::AbiHeader::VALUE,
                core: <abi::Core as abi::abi_stable::StableAbi>::LAYOUT,
                extensions: EXTENSION_LAYOUTS.as_ptr(),
                extension_count: EXTENSION_LAYOUTS.len(),
            };

            $crate::macro_support::Descriptor(abi::hc_plugin {
                magic: abi::HC_MAGIC,
                declarations: abi::HC_DECLARATIONS,
                abi_major: abi::HC_ABI_MAJOR,
                abi_minor: abi::HC_ABI_MINOR,
                pointer_bytes: ::core::mem::size_of::<*const u8>() as u32,
                big_endian: ::core::cfg!(target_endian = "big") as u32,
                struct_size: ::core::mem::size_of::<abi::hc_plugin>() as u32,
                flags: FLAGS,
                id: text(ID),
                version: text(VERSION),
                name: NAME.as_ptr(),
                vendor: VENDOR.as_ptr(),
                license: LICENSE.as_ptr(),
                description: DESCRIPTION.as_ptr(),
                init_data_type: INIT_DATA_TYPE,
                handshake_data_type: HANDSHAKE_DATA_TYPE,
                options: OPTIONS.as_ptr(),
                option_count: OPTIONS.len(),
                extensions: EXTENSIONS.as_ptr(),
                extension_count: EXTENSIONS.len(),
                rust_layout: (LAYOUT as *const abi::RustLayout).cast(),
                reserved: ::core::ptr::null(),
                load: None,
                unload: None,
                init: Some(Tables::<$handshake>::INIT),
                connection_ready: Some(Tables::<$handshake>::CONNECTION_READY),
                recv_from_peer: Some(Tables::<$handshake>::RECV_FROM_PEER),
                destroy: Some(Tables::<$handshake>::DESTROY),
            })
        };
    };
    (@or $variable:literal $text:expr) => { $text };
    (@or $variable:literal) => {
        match CStr::from_bytes_with_nul(::core::concat!(::core::env!($variable), "\0").as_bytes()) {
            Ok(text) => text,
            Err(_) => panic!("what cargo says of a crate has no NUL"),
        }
    };
    (@entry $handshake:ty, Peer) => {
        $crate::macro_support::extension(c"hc.peer/1", &Tables::<$handshake>::PEER, 0)
    };
    (@entry $handshake:ty, Peer required) => {
        $crate::macro_support::extension(
            c"hc.peer/1", &Tables::<$handshake>::PEER, abi::HC_EXTENSION_REQUIRED)
    };
    (@entry $handshake:ty, Timer) => {
        $crate::macro_support::extension(c"hc.timer/1", &Tables::<$handshake>::TIMER, 0)
    };
    (@entry $handshake:ty, Classify) => {
        $crate::macro_support::extension(c"hc.classify/1", &Tables::<$handshake>::CLASSIFY, 0)
    };
    (@entry $handshake:ty, Classify inspect) => {
        $crate::macro_support::extension(c"hc.classify/1", &Tables::<$handshake>::INSPECT, 0)
    };
    (@entry $handshake:ty, Close) => {
        $crate::macro_support::extension(c"hc.close/1", &Tables::<$handshake>::CLOSE, 0)
    };
    (@entry $handshake:ty, Wake) => {
        $crate::macro_support::extension(c"hc.wake/1", &Tables::<$handshake>::WAKE, 0)
    };
    (@entry $handshake:ty, Export) => {
        $crate::macro_support::extension(c"hc.export/1", &Tables::<$handshake>::EXPORT, 0)
    };
    (@layout Peer) => { $crate::export!(@table hc_peer_table) };
    (@layout Timer) => { $crate::export!(@table hc_timer_table) };
    (@layout Classify) => { $crate::export!(@table hc_classify_table) };
    (@layout Close) => { $crate::export!(@table hc_close_table) };
    (@layout Wake) => { $crate::export!(@table hc_wake_table) };
    (@layout Export) => { $crate::export!(@table hc_export_table) };
    (@table $table:ident) => {
        abi::ExtensionLayout { table: <abi::$table as abi::abi_stable::StableAbi>::LAYOUT }
    };
}
