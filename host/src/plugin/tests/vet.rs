use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::process::Command;

use super::fixture::{Source, directory, directory_of, set_mode};
use crate::plugin::{Found, MAX_LIBRARY_BYTES, Refusal, VetError, vet};

fn refused(path: &Path) -> VetError {
    let Refusal { file, error } = vet(path).expect_err("it must be refused");
    assert_eq!(file, path);
    error
}

#[test]
fn a_good_library_is_taken() {
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    let found = Found {
        path: path.clone(),
        id: "echo".into(),
        version: "1.0".into(),
        flags: 1,
    };
    assert_eq!(vet(&path).expect("nothing is wrong with it"), found);
}

#[test]
fn a_neighbour_that_it_needs_is_named() {
    let directory = directory();
    let friend = Source {
        code: Some("int friend;"),
        arguments: &["-shared"],
        ..Source::default()
    };
    let friend = friend.compile(directory.path(), "libfriend.so.1");
    let place: &str = format!("-L{}", directory.path().display()).leak();
    let needs = ["-Wl,--no-as-needed", place, "-l:libfriend.so.1"];
    let arguments = [&["-shared", "-Wl,-rpath,/usr/lib:$ORIGIN"][..], &needs].concat();
    let plugin = Source {
        arguments: arguments.leak(),
        ..Source::default()
    };
    let plugin = plugin.compile(directory.path(), "a.so");
    let sentence = refused(&plugin).to_string();
    let named = "needs libfriend.so.1 in \"/usr/lib:$ORIGIN\": ";
    assert!(sentence.starts_with(named), "{sentence}");
    fs::remove_file(friend).expect("it is ours");
    let sentence = refused(&plugin).to_string();
    let nothing = "needs \"/usr/lib:$ORIGIN\": ";
    assert!(sentence.starts_with(nothing), "{sentence}");
}

#[test]
fn a_refusal_names_file_cause_and_remedy() {
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    set_mode(&path, 0o664);
    let sentence = vet(&path).expect_err("its group may write").to_string();
    let expected = format!(
        "{} can be changed by other users (its mode is 0664): run `chmod go-w` on it",
        path.display()
    );
    assert_eq!(sentence, expected);
}

#[test]
fn a_file_others_can_write_is_refused() {
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    set_mode(&path, 0o757);
    assert!(matches!(refused(&path), VetError::Writable { mode: 0o757 }));
}

#[test]
fn a_directory_others_can_write_is_refused_unless_sticky() {
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    for mode in [0o777, 0o770] {
        set_mode(directory.path(), mode);
        assert!(matches!(refused(&path), VetError::DirectoryWritable { .. }));
    }
    set_mode(directory.path(), 0o1777);
    vet(&path).expect("only its owner can replace it");
}

#[test]
fn a_link_is_followed_and_both_its_ends_are_checked() {
    let (links, files) = (directory(), directory_of(&[("echo", "a.so")]));
    let (link, file) = (links.path().join("link.so"), files.path().join("a.so"));
    symlink(&file, &link).expect("it is ours");
    assert_eq!(vet(&link).expect("nothing is wrong with it").path, link);

    set_mode(files.path(), 0o777);
    assert!(matches!(refused(&link), VetError::DirectoryWritable { .. }));
    set_mode(files.path(), 0o700);
    set_mode(links.path(), 0o777);
    assert!(matches!(refused(&link), VetError::DirectoryWritable { .. }));
    set_mode(links.path(), 0o700);
    set_mode(&file, 0o666);
    assert!(matches!(refused(&link), VetError::Writable { .. }));
    fs::remove_file(&file).expect("it is ours");
    assert!(matches!(refused(&link), VetError::Unreadable(_)));
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let directory = directory();
    let (folder, pipe) = (directory.path().join("a.so"), directory.path().join("b.so"));
    fs::create_dir(&folder).expect("it is ours");
    assert!(matches!(refused(&folder), VetError::NotRegular));
    // Opening it would block this test for ever.
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("POSIX has mkfifo")
            .success()
    );
    assert!(matches!(refused(&pipe), VetError::NotRegular));
}

#[test]
fn a_huge_file_is_refused() {
    let directory = directory();
    let path = directory.path().join("a.so");
    let file = File::create(&path).expect("it is ours");
    set_mode(&path, 0o644);
    file.set_len(MAX_LIBRARY_BYTES + 1)
        .expect("sparse files need no room");
    assert!(matches!(refused(&path), VetError::TooLarge { .. }));
}

#[test]
fn a_stranger_s_file_or_directory_is_refused() {
    // Only root can give files away; the rule itself is tested beside it, for every user.
    if !rustix::process::geteuid().is_root() {
        let in_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(
            !in_ci,
            "run the tests as root: this one must not be skipped here"
        );
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    chown(&path, Some(54321), None).expect("this is root");
    assert!(matches!(refused(&path), VetError::Owner { owner: 54321 }));
    chown(directory.path(), Some(54321), None).expect("this is root");
    assert!(matches!(
        refused(&path),
        VetError::DirectoryOwner { owner: 54321, .. }
    ));
}

#[test]
fn a_missing_file_is_named() {
    let directory = directory();
    let path = directory.path().join("none.so");
    assert!(matches!(refused(&path), VetError::Unreadable(_)));
}

#[test]
fn a_relative_path_has_a_directory_too() {
    let directory = directory();
    Source::default().compile(directory.path(), "a.so");
    // The tests' working directory cannot be changed for one of them; a path through it can be named.
    let depth = std::env::current_dir()
        .expect("there is one")
        .components()
        .count()
        - 1;
    let relative = Path::new(&"../".repeat(depth))
        .join(directory.path().strip_prefix("/").expect("absolute"))
        .join("a.so");
    assert!(relative.is_relative());
    vet(&relative).expect("nothing is wrong with it");
}

/// The descriptor in another section, or linked like this.
fn placed(section: &str, arguments: &'static [&'static str]) -> VetError {
    let directory = directory();
    let code = format!(
        "#include \"{}/../include/handclasp.h\"
        static hc_status init(const hc_host *h, const hc_init *i, const hc_call *c, void **p)
        {{ (void)h; (void)i; (void)c; *p = 0; return HC_FINISHED; }}
        static hc_status ready(void *p, const hc_call *c) {{ (void)p; (void)c; return HC_PENDING; }}
        static hc_status hear(void *p, hc_bytes d, const hc_call *c) {{ (void)p; (void)d; (void)c; return HC_PENDING; }}
        static void destroy(void *p) {{ (void)p; }}
        {section} HC_PLUGIN(\"echo\", \"1.0\", 0, HC_ABOUT(\"Echo\", \"Handclasp\", \"MIT\", \"For tests\"),
            HC_DATA_TYPES(NULL, NULL), HC_NO_OPTIONS, HC_NO_EXTENSIONS, HC_FUNCTIONS(init, ready, hear, destroy));",
        env!("CARGO_MANIFEST_DIR")
    );
    let source = Source {
        code: Some(Box::leak(code.into_boxed_str())),
        arguments,
        ..Source::default()
    };
    refused(&source.compile(directory.path(), "a.so"))
}

#[test]
fn a_descriptor_that_the_library_could_change_is_refused() {
    let error = placed("", &["-shared", "-Wl,-z,norelro"]);
    assert!(matches!(error, VetError::WritableDescriptor), "{error:?}");
    let error = placed("__attribute__((section(\".data\")))", &["-shared", "-w"]);
    assert!(matches!(error, VetError::WritableDescriptor), "{error:?}");
}

#[test]
fn a_descriptor_at_an_odd_address_is_refused() {
    let odd = damaged(|bytes, header, _| {
        if header.p_type.get(object::Endianness::Little) == object::elf::PT_DYNAMIC {
            let symbols = entry_of(bytes, &header, 6);
            // The one that is exported is the one with the size of a descriptor.
            let size = size_of::<handclasp_abi::hc_plugin>() as u64;
            let mut symbols = bytes[symbols..].chunks_exact_mut(24);
            let ours = symbols.find(|symbol| symbol[16..24] == size.to_ne_bytes());
            ours.expect("it is exported")[8] += 4;
        }
    });
    let error = odd.expect_err("it is four bytes off").error;
    assert!(matches!(error, VetError::Misaligned), "{error:?}");
}

/// What an entry of the dynamic table says.
fn entry_of(
    bytes: &[u8],
    header: &object::elf::ProgramHeader64<object::Endianness>,
    tag: u64,
) -> usize {
    let little = object::Endianness::Little;
    let (start, size) = (
        header.p_offset.get(little) as usize,
        header.p_filesz.get(little) as usize,
    );
    let mut entries = bytes[start..start + size].chunks_exact(16);
    let entry = entries
        .find(|entry| entry[..8] == tag.to_ne_bytes())
        .expect("it has one");
    u64::from_ne_bytes(entry[8..16].try_into().expect("eight")) as usize
}

/// A good library with this done to its bytes.
fn damaged(
    damage: impl Fn(&mut Vec<u8>, object::elf::ProgramHeader64<object::Endianness>, usize),
) -> Result<Found, Refusal> {
    use object::read::elf::FileHeader;
    let directory = directory_of(&[("echo", "a.so")]);
    let path = directory.path().join("a.so");
    let mut bytes = fs::read(&path).expect("it is there");
    let original = bytes.clone();
    let header =
        object::elf::FileHeader64::<object::Endianness>::parse(&*original).expect("it is ELF");
    let endian = header.endian().expect("it has one");
    let start = header.e_phoff.get(endian) as usize;
    let headers = header
        .program_headers(endian, &*original)
        .expect("they are there");
    for (index, program) in headers.iter().enumerate() {
        damage(&mut bytes, *program, start + index * 56);
    }
    fs::write(&path, bytes).expect("it is ours");
    vet(&path)
}

#[test]
fn segments_that_overlap_are_refused() {
    use object::Endianness::Little;
    let overlapping = damaged(|bytes, header, at| {
        if header.p_type.get(Little) == object::elf::PT_LOAD && header.p_offset.get(Little) != 0 {
            // Its address becomes that of the first.
            bytes[at + 16..at + 24].fill(0);
        }
    });
    let error = overlapping.expect_err("they overlap").error;
    assert!(matches!(error, VetError::Damaged(_)), "{error:?}");
}

#[test]
fn addresses_outside_the_segments_are_refused() {
    use object::Endianness::Little;
    // Of each entry of the dynamic table that is an address or a size, in turn.
    for tag in [5_u64, 6, 7, 8, 10, 12, 25, 0x6fff_fef5] {
        let wild = damaged(|bytes, header, _| {
            if header.p_type.get(Little) != object::elf::PT_DYNAMIC {
                return;
            }
            let (start, size) = (
                header.p_offset.get(Little) as usize,
                header.p_filesz.get(Little) as usize,
            );
            for entry in bytes[start..start + size].chunks_exact_mut(16) {
                if entry[..8] == tag.to_ne_bytes() {
                    entry[8..16].copy_from_slice(&0x7000_0000_0000_u64.to_ne_bytes());
                }
            }
        });
        let error = wild.expect_err("it leads nowhere").error;
        assert!(
            matches!(
                error,
                VetError::Outside(_) | VetError::CutShort | VetError::NotALibrary(_)
            ),
            "{tag}: {error:?}"
        );
    }
}

#[test]
fn a_relocation_outside_the_segments_is_refused() {
    use object::Endianness::Little;
    let wild = damaged(|bytes, header, _| {
        if header.p_type.get(Little) != object::elf::PT_DYNAMIC {
            return;
        }
        // They are in the first segment, which is where it says.
        let place = entry_of(bytes, &header, 7);
        bytes[place..place + 8].copy_from_slice(&0x7000_0000_0000_u64.to_ne_bytes());
    });
    let error = wild.expect_err("it leads nowhere").error;
    assert!(
        matches!(error, VetError::Outside("what a relocation changes")),
        "{error:?}"
    );
}
