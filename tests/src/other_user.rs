use crate::skip::{Lacking, need};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Another user of this machine, and a directory that all may write to.
#[derive(Debug)]
pub struct OtherUser {
    place: TempDir,
}

impl OtherUser {
    /// Who that is.
    pub const ID: u32 = 65_534;

    /// # Errors
    /// Only root can be another user.
    pub fn new() -> Result<Self, Lacking> {
        need("setpriv", "util-linux")?;
        if !rustix::process::geteuid().is_root() {
            let what = "no second user: run the tests as root".to_owned();
            return Err(Lacking(what));
        }
        let place = tempfile::tempdir().expect("the temporary directory is writable");
        fs::set_permissions(place.path(), Permissions::from_mode(0o777)).expect("it is ours");
        Ok(Self { place })
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The directory.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Runs a script of shell commands as that user, in the directory.
    ///
    /// # Panics
    /// One of them fails.
    pub fn does(&self, script: &str) {
        let id = Self::ID.to_string();
        let status = Command::new("setpriv")
            .args(["--reuid", &id, "--regid", &id, "--clear-groups"])
            .args(["sh", "-ec", script])
            .current_dir(self.place())
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "see above which command of this script failed: {script}"
        );
    }
}
