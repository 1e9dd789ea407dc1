//! `[plugins]`: where plugins are, and which of them are trusted.
use super::canary::Canary;
use super::key::{Heading, Key, Section, Visitor};
use super::kind::{Context, File, Flag, FromText, Kind, Lasting, ListOf, quote};
use super::places::Places;
use super::value::{Always, Maybe, OrOff};
use super::wrong::Wrong;
use handclasp::plugin::is_id;
use minisign_verify::PublicKey;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// Where plugins are, and which of them are trusted.
#[derive(Clone, Debug)]
pub struct Plugins {
    /// Where they are looked for, and nowhere else; where every command does if it is empty.
    pub directories: Vec<PathBuf>,
    /// The id of the plugin of streams that name none.
    pub default: String,
    /// Whether directories that change are looked at by themselves.
    pub watch: bool,
    /// How often directories are looked at that the system does not tell about.
    pub poll: Option<Duration>,
    /// The list of plugins that may be used; see [`Config::lock_file`](super::Config::lock_file).
    pub lock: Option<PathBuf>,
    /// Whose signatures are trusted.
    pub keys: Vec<KeySource>,
    /// Whether a plugin without a signature is refused.
    pub require_signature: bool,
    /// How a new version is tried first.
    pub canary: Canary,
}

/// A public key of minisign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In the configuration itself, in base64.
    Text(String),
    /// In a file, as `minisign -G` writes it.
    File(PathBuf),
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            directories: Vec::new(),
            default: "dtls-srtp".to_owned(),
            watch: true,
            poll: None,
            lock: None,
            keys: Vec::new(),
            require_signature: false,
            canary: Canary::default(),
        }
    }
}

const ID: FromText<String> = FromText {
    takes: "the id of a plugin: 1 to 47 characters out of a-z, 0-9 and -",
    parse: |text| is_id(text.as_bytes()).then(|| text.to_owned()).ok_or(None),
    write: Clone::clone,
};

/// A [`KeySource`].
#[derive(Clone, Copy, Debug)]
struct PublicKeyKind;

impl Kind for PublicKeyKind {
    type Of = KeySource;

    fn takes(&self) -> String {
        "a public key of minisign, RW…, or the path of a file with one".to_owned()
    }

    fn parse(
        &self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<KeySource, Vec<Wrong>> {
        // 56 characters of base64 that begin with those of Ed25519's name.
        let is_key = |text: &&str| text.len() == 56 && text.starts_with("RW");
        match given.get_ref().as_str().filter(is_key) {
            None => Ok(KeySource::File(File.parse(given, context)?)),
            Some(text) => match PublicKey::from_base64(text) {
                Ok(_) => Ok(KeySource::Text(text.to_owned())),
                Err(_) => {
                    let sentence = "this is no public key: copy the last line of the .pub file that minisign wrote";
                    Err(vec![Wrong::new(given.span(), sentence)])
                }
            },
        }
    }

    fn write(&self, value: &KeySource) -> String {
        match value {
            KeySource::Text(text) => quote(text),
            KeySource::File(file) => File.write(file),
        }
    }
}

impl Section for Plugins {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        const ONCE: &str = "the directories are opened and watched from the daemon's start";
        visitor.key(
            Key::new("directories", "Look for plugins in these directories and nowhere else. Without any: where every command looks, HANDCLASP_PLUGIN_PATH first.")
                .restart(ONCE),
            &mut Always(ListOf { of: File, most: 64 }, &mut self.directories),
        );
        visitor.key(
            Key::new(
                "default",
                "The plugin of streams that name none. `none` authenticates nobody.",
            ),
            &mut Always(ID, &mut self.default),
        );
        visitor.key(
            Key::new("watch", "Whether the daemon itself sees that a plugin has changed, and tries the new version. If not, it looks when it is told to.")
                .restart(ONCE),
            &mut Always(Flag, &mut self.watch),
        );
        visitor.key(
            Key::new("poll", "How often to look for changes in directories that the system does not tell of, such as those of NFS.")
                .restart(ONCE),
            &mut OrOff(Lasting(Duration::from_secs(1)..=Duration::from_secs(86_400)), &mut self.poll),
        );
        visitor.key(
            Key::new("lock", "The list of the plugins that may be used, by their SHA-256: `handclasp plugins lock` writes it. Without it: plugins.lock beside this file, if it is there; else every plugin may be used.")
                .example("\"plugins.lock\""),
            &mut Maybe(File, &mut self.lock),
        );
        visitor.key(
            Key::new("keys", "Whose signatures are trusted: public keys of minisign, or files with one. A plugin's signature is FILE.so.minisig beside it."),
            &mut Always(ListOf { of: PublicKeyKind, most: 64 }, &mut self.keys),
        );
        visitor.key(
            Key::new("require-signature", "Whether a plugin without a signature is refused. One with a wrong signature always is, if there are keys."),
            &mut Always(Flag, &mut self.require_signature),
        );
        let heading = Heading {
            name: "canary",
            help: "How a new version of a plugin is tried on a few streams first.",
        };
        visitor.section(heading, &mut self.canary);
    }

    fn rules(&self, places: &mut Places) {
        if self.require_signature && !places.is_given("keys") {
            places.wrong(
                "require-signature",
                "there is no key to verify signatures by: add the public keys with `keys`",
            );
        } else if self.require_signature && self.keys.is_empty() {
            places.wrong(
                "keys",
                "`require-signature` needs at least one public key: add it",
            );
        }
    }
}
