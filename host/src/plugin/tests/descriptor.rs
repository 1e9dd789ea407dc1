use std::fs::{self, File};
use std::path::Path;

use handclasp_abi::{HC_ABI_MAJOR, HC_ABI_MINOR, hc_plugin};

use super::fixture::{Source, directory};
use crate::plugin::VetError;
use crate::plugin::descriptor::Descriptor;

fn read(source: Source) -> Result<Descriptor, VetError> {
    let directory = directory();
    read_file(&source.compile(directory.path(), "it.so"))
}

fn read_file(path: &Path) -> Result<Descriptor, VetError> {
    Descriptor::read(File::open(path).expect("it was just written"))
}

/// The refusal of `source`, which must be `$pattern`, as text.
macro_rules! refused {
    ($source:expr, $pattern:pat) => {{
        let error = read($source).expect_err("it must be refused");
        assert!(matches!(error, $pattern), "{error:?}");
        error.to_string()
    }};
}

#[test]
fn a_plugin_says_who_it_is_without_running() {
    let plugin = read(Source::default()).expect("nothing is wrong with it");
    let expected = Descriptor {
        id: "echo".into(),
        version: "1.0".into(),
        flags: 1,
        sanitizer: None,
    };
    assert_eq!(plugin, expected);
}

#[test]
fn a_library_with_another_symbol_is_no_plugin() {
    refused!(
        Source {
            symbol: "other",
            ..Source::default()
        },
        VetError::NoDescriptor
    );
}

#[test]
fn a_hidden_descriptor_is_not_found() {
    let arguments = &["-shared", "-fvisibility=hidden"];
    refused!(
        Source {
            arguments,
            ..Source::default()
        },
        VetError::NoDescriptor
    );
}

#[test]
fn a_function_or_a_thread_local_is_no_descriptor() {
    for code in [
        "void handclasp_plugin(void) {}",
        "__thread long handclasp_plugin[99] = {1};",
    ] {
        refused!(
            Source {
                code: Some(code),
                ..Source::default()
            },
            VetError::NotData
        );
    }
}

#[test]
fn data_that_is_no_descriptor_is_told_by_its_magic() {
    refused!(
        Source {
            magic: 1,
            ..Source::default()
        },
        VetError::Magic { magic: 1 }
    );
}

#[test]
fn zeroes_that_are_not_in_the_file_are_no_descriptor() {
    let code = Some("long handclasp_plugin[99];");
    refused!(
        Source {
            code,
            ..Source::default()
        },
        VetError::ShortDescriptor { bytes: 0 }
    );
}

#[test]
fn another_abi_version_is_named_with_ours() {
    for abi in [(HC_ABI_MAJOR + 1, 0), (HC_ABI_MAJOR, HC_ABI_MINOR + 1)] {
        let text = refused!(
            Source {
                abi,
                ..Source::default()
            },
            VetError::AbiVersion { .. }
        );
        let versions = format!(
            "built for plugin ABI {}.{}, this host speaks {HC_ABI_MAJOR}.{HC_ABI_MINOR}",
            abi.0, abi.1
        );
        assert!(text.contains(&versions), "{text}");
    }
}

#[test]
fn other_declarations_under_the_same_version_are_noticed() {
    let declarations = 0x0bad;
    refused!(
        Source {
            declarations,
            ..Source::default()
        },
        VetError::Declarations { hash: 0x0bad }
    );
}

#[test]
fn another_struct_size_is_noticed() {
    let struct_size = size_of::<hc_plugin>() + 8;
    refused!(
        Source {
            struct_size,
            ..Source::default()
        },
        VetError::StructSize { .. }
    );
}

#[test]
fn a_descriptor_with_missing_fields_is_noticed() {
    refused!(
        Source {
            pointers: 3,
            ..Source::default()
        },
        VetError::ShortDescriptor { .. }
    );
    let code = Some("const int handclasp_plugin = 1;");
    refused!(
        Source {
            code,
            ..Source::default()
        },
        VetError::ShortDescriptor { bytes: 4 }
    );
}

#[test]
fn a_descriptor_of_another_machine_is_noticed() {
    refused!(
        Source {
            pointer_bytes: 2,
            ..Source::default()
        },
        VetError::ByteOrder { .. }
    );
    let big_endian = cfg!(target_endian = "little");
    refused!(
        Source {
            big_endian,
            ..Source::default()
        },
        VetError::ByteOrder { .. }
    );
}

#[test]
fn ids_follow_their_grammar() {
    let longest = "a23456789-123456789-123456789-123456789-1234567";
    for id in ["7", "a2-b-c", longest] {
        assert_eq!(
            read(Source {
                id,
                ..Source::default()
            })
            .expect("a good id")
            .id,
            id
        );
    }
    let too_long = "a23456789-123456789-123456789-123456789-12345678";
    for id in [
        "", "Echo", "-x", "a b", "a/b", "a_b", "a.b", "..", "é", too_long,
    ] {
        refused!(
            Source {
                id,
                ..Source::default()
            },
            VetError::Id { .. }
        );
    }
}

#[test]
fn versions_are_printable() {
    for version in [
        b"".as_slice(),
        b"1\x1b[2J",
        "1é".as_bytes(),
        b"123456789012345678901234",
    ] {
        refused!(
            Source {
                version,
                ..Source::default()
            },
            VetError::Version { .. }
        );
    }
}

#[test]
fn an_executable_is_no_library() {
    let code = Some("int handclasp_plugin[99] = {1}; int main(void) { return 0; }");
    for arguments in [
        ["-pie", "-rdynamic"].as_slice(),
        &["-no-pie", "-rdynamic"],
        &["-c"],
    ] {
        refused!(
            Source {
                code,
                arguments,
                ..Source::default()
            },
            VetError::NotShared
        );
    }
}

#[test]
fn dependencies_beside_the_plugin_are_refused() {
    for arguments in [
        ["-shared", "-Wl,-rpath,/usr/lib:$ORIGIN/lib"].as_slice(),
        &["-shared", "-Wl,-rpath,${ORIGIN}", "-Wl,--disable-new-dtags"],
    ] {
        let text = refused!(
            Source {
                arguments,
                ..Source::default()
            },
            VetError::OriginRelative { .. }
        );
        assert!(text.contains("link them statically"), "{text}");
    }
}

#[test]
fn another_processor_is_named() {
    let directory = directory();
    let file = Source::default().compile(directory.path(), "it.so");
    let mut bytes = fs::read(&file).expect("it was just written");
    // e_machine: SPARC V9 is none of this project's machines.
    bytes[18..20].copy_from_slice(&43u16.to_ne_bytes());
    fs::write(&file, bytes).expect("it is ours");
    let text = read_file(&file).expect_err("another processor").to_string();
    assert!(
        text.contains("Sparc64") && text.contains("rebuild"),
        "{text}"
    );
}

#[test]
fn text_is_no_library() {
    let directory = directory();
    let file = directory.path().join("it.so");
    for content in ["", "not a library\n", "\x7fELF"] {
        fs::write(&file, content).expect("it is ours");
        assert!(
            matches!(read_file(&file), Err(VetError::NotALibrary(_))),
            "{content:?}"
        );
    }
}

#[test]
fn a_large_library_is_not_read_as_a_whole() {
    let code = Some("char large[4 << 20] = {1};");
    let directory = directory();
    let file = Source {
        code,
        ..Source::default()
    }
    .compile(directory.path(), "large.so");
    let read = |budget| {
        let file = File::open(&file).expect("it was just written");
        Descriptor::read_within(file, budget)
    };
    assert!(matches!(read(64 << 10), Err(VetError::NoDescriptor)));
    assert!(matches!(read(1 << 10), Err(VetError::NotALibrary(_))));
}
