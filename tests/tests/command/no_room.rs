//! A temporary directory that takes nothing, or from which nothing may be executed: no command needs another.
use crate::support::{handclasp, plugin, text};
use handclasp_tests::{Lacking, is_had, need, program};
use rustix::process::geteuid;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// For a file system of one's own, and to be nobody.
fn is_root() -> Result<(), Lacking> {
    need("unshare", "util-linux")?;
    need("setpriv", "util-linux")?;
    match geteuid().is_root() {
        true => Ok(()),
        false => Err(Lacking(
            "no file system of its own: run the tests as root".to_owned(),
        )),
    }
}

/// A demo, a list, and a stream that is killed, by a user without privileges; then what is there.
const SCRIPT: &str = r#"
mount -t tmpfs -o "$1" tmpfs "$2/temporary"
cd "$2"
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "$@"; }
export TMPDIR=$2/temporary HOME=/nowhere XDG_CACHE_HOME=/nowhere
if as_nobody sh -c 'mkdir "$TMPDIR/some" && cp handclasp "$TMPDIR/some" && "$TMPDIR/some/handclasp" --version'; then
    echo 'this place takes and executes what it is not to'; exit 1
fi >&2
rm -rf "$TMPDIR/some"
as_nobody ./handclasp demo --plugin none --plugin-dir . >&2
as_nobody ./handclasp plugins list --plugin-dir . >&2
mkfifo -m 666 input
: > output
as_nobody ./handclasp stream --plugin none --plugin-dir . --address 127.0.0.1 < input > output &
exec 3> input
until grep -q candidate_gathering_done output; do kill -0 $!; sleep 0.05; done
kill -KILL $!
wait $! || true
ls -A "$TMPDIR"
"#;

fn nothing_is_needed_of(options: &str) {
    if !is_had(is_root()) {
        return;
    }
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let readable = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o755));
    readable(directory.path()).expect("it is ours");
    fs::create_dir(directory.path().join("temporary")).expect("it is ours");
    // Where nobody can read them.
    for (file, name) in [(program(), "handclasp"), (plugin("none"), "none.so")] {
        let copy = directory.path().join(name);
        fs::copy(file, &copy).expect("it was just built");
        readable(&copy).expect("it is ours");
    }
    let command = handclasp([""; 0]);
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-euc", SCRIPT, "sh", options])
        .arg(directory.path())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env_remove("HANDCLASP_PLUGIN_PATH")
        .output()
        .expect("it was just looked for");
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("20 of 20 datagrams arrived"), "{said}");
    assert_eq!(text(&output.stdout), "", "a killed stream leaves nothing");
}

#[test]
fn on_a_full_file_system() {
    // Of its two files the directory itself is one.
    nothing_is_needed_of("size=4k,nr_inodes=1,mode=1777");
}

#[test]
fn on_one_from_which_nothing_is_executed() {
    nothing_is_needed_of("noexec,mode=1777");
}
