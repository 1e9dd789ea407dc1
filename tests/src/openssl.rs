//! OpenSSL as this machine has it to build with.
use crate::Lacking;
use std::process::Command;

/// What a compiler and linker must be told of libssl, 3 or later, and libcrypto.
///
/// # Errors
/// It, or pkg-config, is not here.
pub fn openssl_flags() -> Result<Vec<String>, Lacking> {
    let told = Command::new("pkg-config")
        .args(["--cflags", "--libs", "libssl >= 3", "libcrypto"])
        .output();
    let told = told.ok().filter(|told| told.status.success());
    let told = told.ok_or_else(|| {
        Lacking("OpenSSL 3 is missing: install libssl-dev and pkg-config".to_owned())
    })?;
    let flags = String::from_utf8_lossy(&told.stdout);
    Ok(flags.split_whitespace().map(str::to_owned).collect())
}
