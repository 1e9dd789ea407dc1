//! What the dynamic linker says, told by cause.
use std::fmt;
use std::path::Path;

/// Why a library could not be mapped. Reads as the rest of a sentence whose subject is the library.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LinkError {
    /// Nothing it is linked with has this symbol, or not in this version.
    UndefinedSymbol(String),
    /// The runtime that its compiler's sanitizer calls is not in the process.
    Sanitizer(String),
    /// A library it needs is not there, or cannot be used.
    Library { name: String, reason: String },
    /// A library of this system is older than the one it was built with.
    Version { version: String, library: String },
    /// The room for static TLS is used up.
    StaticTls,
    /// The system maps nothing from there.
    NotMapped(String),
    /// In the linker's own words.
    Other(String),
}

/// What the functions of sanitizers' runtimes begin with.
const RUNTIMES: [&str; 6] = [
    "__asan_",
    "__hwasan_",
    "__lsan_",
    "__msan_",
    "__tsan_",
    "__ubsan_",
];

impl LinkError {
    /// Reads what glibc or musl say of the library at `path`, whose name for people is `name`.
    pub(super) fn read(said: &str, path: &Path, name: &str) -> Self {
        let path = path.display().to_string();
        let said = said.strip_prefix(&format!("{path}: ")).unwrap_or(said);
        let said = said
            .strip_prefix(&format!("Error loading shared library {path}: "))
            .unwrap_or(said);
        let undefined = (said.split_once("undefined symbol: "))
            .or_else(|| said.split_once("Error relocating "))
            .map(|(_, rest)| rest);
        if let Some(symbol) = undefined {
            let symbol = symbol.strip_suffix(": symbol not found").unwrap_or(symbol);
            let symbol = symbol.rsplit(": ").next().unwrap_or(symbol).to_owned();
            return match RUNTIMES.iter().any(|runtime| symbol.starts_with(runtime)) {
                true => Self::Sanitizer(symbol),
                false => Self::UndefinedSymbol(symbol),
            };
        }
        if let Some((library, rest)) = said.split_once(": version `")
            && let Some((version, _)) = rest.split_once("' not found")
        {
            return Self::Version {
                version: version.to_owned(),
                library: library.rsplit('/').next().unwrap_or(library).to_owned(),
            };
        }
        if said.contains("static TLS") || said.contains("initial-exec TLS") {
            return Self::StaticTls;
        }
        if said.contains("failed to map segment") {
            return Self::NotMapped(said.replace(&path, name));
        }
        if let Some((library, reason)) = said.split_once(": cannot open shared object file: ") {
            return Self::Library {
                name: library.to_owned(),
                reason: reason.to_owned(),
            };
        }
        // As musl says it.
        if let Some(rest) = said.strip_prefix("Error loading shared library ")
            && let Some((library, reason)) = rest.split_once(": ")
        {
            let reason = reason.split(" (needed by").next().unwrap_or(reason);
            return Self::Library {
                name: library.to_owned(),
                reason: reason.to_owned(),
            };
        }
        Self::Other(said.replace(&path, name))
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UndefinedSymbol(symbol) => write!(
                f,
                "cannot be opened (undefined symbol {symbol}): link it with `-Wl,-z,defs`, which names such symbols when \
                 it is built, and add the source or the library that has this one"
            ),
            Self::Sanitizer(symbol) => write!(
                f,
                "cannot be opened (undefined symbol {symbol}, of a sanitizer's runtime): build it without `-fsanitize`, or \
                 look for faults with `handclasp check`"
            ),
            Self::Library { name, reason } => write!(
                f,
                "cannot be opened (it needs {name}: {reason}): install that library, or link it statically"
            ),
            Self::Version { version, library } => write!(
                f,
                "cannot be opened (it needs {version}, which this system's {library} does not have): build it on a system \
                 that is no newer than this one"
            ),
            Self::StaticTls => f.write_str(
                "cannot be opened (the process has no room left for its thread-local variables): compile everything in \
                 it with `-fPIC` and without `-ftls-model=initial-exec`",
            ),
            Self::NotMapped(said) => write!(
                f,
                "cannot be mapped ({said}): let this process map libraries from memory, or set TMPDIR to a directory \
                 that allows execution"
            ),
            Self::Other(said) => write!(f, "cannot be opened ({said}): build it again, as a shared library for this system"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LinkError;
    use std::path::Path;

    fn read(said: &str) -> LinkError {
        LinkError::read(said, Path::new("/proc/7/fd/10"), "mine.so")
    }

    #[test]
    fn each_cause_is_known_by_what_the_linker_says() {
        let undefined = read("/proc/7/fd/10: undefined symbol: deflate");
        assert_eq!(undefined, LinkError::UndefinedSymbol("deflate".into()));
        let versioned = read("/proc/7/fd/10: undefined symbol: EVP_new, version OPENSSL_9.0.0");
        assert_eq!(
            versioned,
            LinkError::UndefinedSymbol("EVP_new, version OPENSSL_9.0.0".into())
        );
        let clang = read("/proc/7/fd/10: undefined symbol: __asan_version_mismatch_check_v8");
        assert_eq!(
            clang,
            LinkError::Sanitizer("__asan_version_mismatch_check_v8".into())
        );
        let missing =
            read("libmine.so.1: cannot open shared object file: No such file or directory");
        let expected = LinkError::Library {
            name: "libmine.so.1".into(),
            reason: "No such file or directory".into(),
        };
        assert_eq!(missing, expected);
        let newer = read(
            "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.99' not found (required by /proc/7/fd/10)",
        );
        let expected = LinkError::Version {
            version: "GLIBC_2.99".into(),
            library: "libc.so.6".into(),
        };
        assert_eq!(newer, expected);
        let tls = read("/proc/7/fd/10: cannot allocate memory in static TLS block");
        assert_eq!(tls, LinkError::StaticTls);
        let noexec = read("/proc/7/fd/10: failed to map segment from shared object");
        assert_eq!(
            noexec,
            LinkError::NotMapped("failed to map segment from shared object".into())
        );
        let musl = read(
            "Error loading shared library libmine.so.1: No such file or directory (needed by /proc/7/fd/10)",
        );
        let expected = LinkError::Library {
            name: "libmine.so.1".into(),
            reason: "No such file or directory".into(),
        };
        assert_eq!(musl, expected);
        let musl = read("Error relocating /proc/7/fd/10: deflate: symbol not found");
        assert_eq!(musl, LinkError::UndefinedSymbol("deflate".into()));
    }

    #[test]
    fn the_copy_goes_by_the_plugin_s_name() {
        let other = read("/proc/7/fd/10: invalid ELF header");
        assert_eq!(other, LinkError::Other("invalid ELF header".into()));
        let within = read("error in /proc/7/fd/10, which is odd");
        assert_eq!(
            within,
            LinkError::Other("error in mine.so, which is odd".into())
        );
    }
}
