//! What is wrong with a file that is not taken as a plugin.
use std::io;
use std::path::PathBuf;

use handclasp_abi::{HC_ABI_MAJOR, HC_ABI_MINOR, hc_plugin};

/// Most bytes a library may have.
pub const MAX_LIBRARY_BYTES: u64 = 256 << 20;

/// A file that was not taken; reads as one sentence that starts with the file's path.
#[derive(Debug, thiserror::Error)]
#[error("{} {error}", file.display())]
pub struct Refusal {
    /// The file, or a directory that could not be read.
    pub file: PathBuf,
    /// What is wrong with it.
    pub error: VetError,
}

/// What is wrong with a file. Each text continues a sentence whose subject is the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VetError {
    /// The file or the directory cannot be opened or read.
    #[error("cannot be read ({0}): make sure that it exists and that this user may read it")]
    Unreadable(#[source] io::Error),
    /// A directory, a device, a pipe or a socket.
    #[error("is not a regular file: put the library itself there, or a symbolic link to it")]
    NotRegular,
    /// More than 256 MiB.
    #[error(
        "has {bytes} bytes and a plugin may have {MAX_LIBRARY_BYTES}: strip its debug information"
    )]
    TooLarge {
        /// The file's length.
        bytes: u64,
    },
    /// The file's mode lets its group or everyone change it.
    #[error("can be changed by other users (its mode is {mode:04o}): run `chmod go-w` on it")]
    Writable {
        /// The permission bits.
        mode: u32,
    },
    /// The file's owner could change it.
    #[error(
        "belongs to user {owner}, who is neither root nor the user of this host: \
         `chown` it to one of them, or install a copy"
    )]
    Owner {
        /// The owner's user id.
        owner: u32,
    },
    /// The mode of its directory lets others exchange the file.
    #[error(
        "can be replaced by other users (the mode of {} is {mode:04o}): run `chmod go-w` on that directory",
        directory.display()
    )]
    DirectoryWritable {
        /// The directory of the file, or of what a link points to.
        directory: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// The owner of its directory could exchange the file.
    #[error(
        "can be replaced by user {owner}, who owns {} and is neither root nor the user of this host: \
         `chown` that directory to one of them",
        directory.display()
    )]
    DirectoryOwner {
        /// The directory of the file, or of what a link points to.
        directory: PathBuf,
        /// The owner's user id.
        owner: u32,
    },
    /// Not an object file, or a damaged one.
    #[error(
        "is not a library this host can read ({0}): \
         build it as a shared library (`cc -shared`, or crate type `cdylib`)"
    )]
    NotALibrary(#[source] object::Error),
    /// An executable, an object file or a core dump.
    #[error(
        "is an object file but no shared library: \
         build it as one (`cc -shared`, or crate type `cdylib`)"
    )]
    NotShared,
    /// Built for another processor or another system.
    #[error("was built for {file} and this host is {host}: rebuild the plugin for this machine")]
    Machine {
        /// What the file says.
        file: String,
        /// What this process is.
        host: String,
    },
    /// The file ends before its segments do: mapped, it would fault.
    #[error("is cut short: copy it again, and then move it into place")]
    CutShort,
    /// Its program headers cannot be right.
    #[error("is damaged ({0}): copy it again, or build it again")]
    Damaged(&'static str),
    /// An address that the system's linker would follow leads out of the library.
    #[error(
        "is damaged (the address of {0} is outside its segments): copy it again, or build it again"
    )]
    Outside(&'static str),
    /// The library could change its descriptor while it is used.
    #[error(
        "has its descriptor where it can be written to: declare it `const`, as the macro of handclasp.h does, and \
         link it with `-Wl,-z,relro`"
    )]
    WritableDescriptor,
    /// The descriptor is at an odd address, so to speak.
    #[error(
        "has its descriptor at an address that is not aligned: define it with the macro of handclasp.h"
    )]
    Misaligned,
    /// Nothing under the name `handclasp_plugin`.
    #[error(
        "exports no `handclasp_plugin`: if it is a plugin, \
         define its descriptor with the macro of handclasp.h, or with `export!` in Rust"
    )]
    NoDescriptor,
    /// A function, a thread-local or an absolute value of that name.
    #[error(
        "exports `handclasp_plugin`, but not as data: \
         define the descriptor with the macro of handclasp.h, or with `export!` in Rust"
    )]
    NotData,
    /// The symbol, or the part of it that is in the file, is smaller than a descriptor.
    #[error(
        "holds {bytes} bytes of a descriptor that needs {}: \
         rebuild the plugin against this host's handclasp.h",
        size_of::<hc_plugin>()
    )]
    ShortDescriptor {
        /// How many bytes there are.
        bytes: usize,
    },
    /// The descriptor starts with other bytes.
    #[error(
        "exports a `handclasp_plugin` that is no descriptor (its magic number is {magic:#018x}): \
         define it with the macro of handclasp.h, or with `export!` in Rust"
    )]
    Magic {
        /// What stands in place of the magic number.
        magic: u64,
    },
    /// The descriptor contradicts the file it is in.
    #[error(
        "says that its pointers have {pointer_bytes} bytes and its big_endian is {big_endian}, \
         which this machine's are not: rebuild the plugin for this machine"
    )]
    ByteOrder {
        /// Bytes of a pointer.
        pointer_bytes: u32,
        /// 1 where the most significant byte comes first.
        big_endian: u32,
    },
    /// Another major version; or, while the ABI is a draft, another minor one.
    #[error(
        "was built for plugin ABI {major}.{minor}, this host speaks {HC_ABI_MAJOR}.{HC_ABI_MINOR}: \
         rebuild the plugin against this host's handclasp.h, or in Rust with its handclasp-plugin"
    )]
    AbiVersion {
        /// The plugin's major version.
        major: u32,
        /// The plugin's minor version.
        minor: u32,
    },
    /// The header it was built with declares something else under the same version.
    #[error(
        "was built with a handclasp.h of other declarations (hash {hash:#018x}): \
         rebuild the plugin against this host's handclasp.h"
    )]
    Declarations {
        /// The hash of its header.
        hash: u64,
    },
    /// The plugin's compiler gave the descriptor another size.
    #[error(
        "has a descriptor of {bytes} bytes where this host's has {}: \
         rebuild the plugin against this host's handclasp.h",
        size_of::<hc_plugin>()
    )]
    StructSize {
        /// The plugin's `sizeof(hc_plugin)`.
        bytes: u32,
    },
    /// An id outside the grammar.
    #[error(
        "has the id {id:?}: an id has 1 to 47 characters out of a-z, 0-9 and `-`, \
         the first a letter or a digit"
    )]
    Id {
        /// The id, made printable.
        id: String,
    },
    /// An empty, unterminated or unprintable version.
    #[error("has the version {version:?}: give it 1 to 23 printable ASCII characters")]
    Version {
        /// The version, made printable.
        version: String,
    },
    /// A dependency that only the original's place could find.
    #[error(
        "needs {}: dependencies relative to the plugin's place cannot be found from its private copy, \
         so link them statically or install them in the system's library path",
        sought(entry, needed)
    )]
    OriginRelative {
        /// The entry of the dynamic table.
        entry: String,
        /// The libraries it needs; of a file that was vetted, those that are there.
        needed: Vec<String>,
    },
    /// Between being found and being used, the file became another plugin.
    #[error(
        "was the plugin `{expected}` when it was found and is now `{id}`: look for plugins again"
    )]
    Exchanged {
        /// The id it was found under.
        expected: String,
        /// The id it has now.
        id: String,
    },
}

/// What is looked for, and where.
fn sought(entry: &str, needed: &[String]) -> String {
    match needed {
        [] => format!("{entry:?}"),
        needed => format!("{} in {entry:?}", needed.join(", ")),
    }
}
