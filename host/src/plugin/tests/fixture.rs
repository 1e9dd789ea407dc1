//! Small plugins in C, one field away from the right one.
use std::fs;
use std::io::Write;
use std::mem::offset_of;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use handclasp_abi::{HC_ABI_MAJOR, HC_ABI_MINOR, HC_DECLARATIONS, HC_MAGIC, hc_plugin};
use tempfile::TempDir;

use crate::plugin::os;

pub(super) struct Source {
    pub(super) symbol: &'static str,
    pub(super) magic: u64,
    pub(super) declarations: u64,
    pub(super) abi: (u32, u32),
    pub(super) pointer_bytes: usize,
    pub(super) big_endian: bool,
    pub(super) struct_size: usize,
    pub(super) id: &'static str,
    pub(super) version: &'static [u8],
    pub(super) pointers: usize,
    /// More arguments of the compiler.
    pub(super) arguments: &'static [&'static str],
    /// C in place of the descriptor.
    pub(super) code: Option<&'static str>,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            symbol: "handclasp_plugin",
            magic: HC_MAGIC,
            declarations: HC_DECLARATIONS,
            abi: (HC_ABI_MAJOR, HC_ABI_MINOR),
            pointer_bytes: size_of::<usize>(),
            big_endian: cfg!(target_endian = "big"),
            struct_size: size_of::<hc_plugin>(),
            id: "echo",
            version: b"1.0",
            pointers: POINTERS,
            arguments: &["-shared"],
            code: None,
        }
    }
}

const POINTERS: usize = (size_of::<hc_plugin>() - offset_of!(hc_plugin, name)) / size_of::<usize>();

impl Source {
    /// Compiles it to `directory/name`, writable by its owner only.
    pub(super) fn compile(&self, directory: &Path, name: &str) -> PathBuf {
        let file = directory.join(name);
        let mut compiler = Command::new("cc")
            .args(["-fPIC", "-x", "c", "-", "-o"])
            .arg(&file)
            .args(self.arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("these tests need a C compiler that is called `cc`");
        let mut input = compiler.stdin.take().expect("it was asked for");
        input
            .write_all(self.text().as_bytes())
            .expect("the compiler reads");
        drop(input);
        assert!(compiler.wait().expect("the compiler ends").success());
        set_mode(&file, 0o755);
        file
    }

    fn text(&self) -> String {
        if let Some(code) = self.code {
            return code.to_owned();
        }
        let Self {
            symbol,
            magic,
            declarations,
            abi: (major, minor),
            pointers,
            ..
        } = self;
        let Self {
            pointer_bytes,
            big_endian,
            struct_size,
            ..
        } = self;
        let (id, version) = (self.id.as_bytes(), self.version);
        format!(
            "#include <stdint.h>
            struct plugin {{
                uint64_t magic, declarations;
                uint32_t abi_major, abi_minor, pointer_bytes, big_endian, struct_size, flags;
                char id[48]; char version[24];
                const void *pointers[{pointers}];
            }};
            static void function(void) {{}}
            const struct plugin {symbol} = {{
                {magic}u, {declarations}u, {major}, {minor}, {pointer_bytes}, {big_endian}, {struct_size}, 1,
                {{{}}}, {{{}}}, {{(const void *)function}}
            }};",
            characters(id),
            characters(version),
            big_endian = u32::from(*big_endian),
        )
    }
}

fn characters(text: &[u8]) -> String {
    let codes: Vec<_> = text.iter().map(|&c| (c as i8).to_string()).collect();
    if codes.is_empty() {
        "0".to_owned()
    } else {
        codes.join(",")
    }
}

pub(super) fn directory() -> TempDir {
    os::make_private_directory("handclasp-test-").expect("tests need a temporary directory")
}

/// A directory with a good plugin for each id and file name.
pub(super) fn directory_of(plugins: &[(&'static str, &str)]) -> TempDir {
    let directory = directory();
    for &(id, name) in plugins {
        Source {
            id,
            ..Source::default()
        }
        .compile(directory.path(), name);
    }
    directory
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}
