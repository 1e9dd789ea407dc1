//! What a child may use.

/// Bytes a child may have in use. Far above what 200 handshakes at once need, far below what hurts a machine.
pub(crate) const MEMORY: u64 = 1 << 30;
/// Bytes of address space: 200 threads of a plugin's have a stack of 8 MiB each, most of which is never touched.
pub(crate) const SPACE: u64 = 4 << 30;
/// Bytes of a file: a plugin that logs without end must not fill the disk. Above what a library may have.
const FILE: u64 = 512 << 20;

/// Limits this process, as far as the system can. Under a sanitizer memory is not limited: its own needs room.
#[cfg(unix)]
pub(crate) fn apply(sanitized: bool) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |resource, bytes| {
        let limit = Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        // Where it is refused a stricter limit holds already.
        let _ = setrlimit(resource, limit);
    };
    if !sanitized {
        limit(Resource::As, SPACE);
    }
    limit(Resource::Fsize, FILE);
    limit(Resource::Core, 0);
}

#[cfg(not(unix))]
pub(crate) fn apply(_sanitized: bool) {}
