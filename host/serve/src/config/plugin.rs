//! `[plugin.ID]`: what one plugin gets, and how much of it there may be.
use super::key::{Key, NamedTables, Section, Visitor};
use super::kind::{Context, File, Kind, Lasting, Whole, quote};
use super::secret::{Hidden, SecretError, SecretSource};
use super::turn::VARIABLE;
use super::value::{Maybe, Value};
use super::wrong::Wrong;
use handclasp::plugin::{MAX_VALUE, MAX_VALUES, is_id};
use handclasp::stream::TIMEOUT;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

/// What one plugin gets, and how much of it there may be.
#[derive(Clone, Debug, Default)]
pub struct PluginSettings {
    /// Its options; one that may be repeated stands there more than once.
    pub options: Vec<(String, SecretSource)>,
    /// In place of `init` in `[timeouts]`.
    pub init_timeout: Option<Duration>,
    /// In place of `handshake` in `[timeouts]`.
    pub handshake_timeout: Option<Duration>,
    /// Most streams with this plugin at a time.
    pub max_streams: Option<u32>,
}

impl PluginSettings {
    /// The options with their secrets, which are read now.
    ///
    /// # Errors
    /// A secret cannot be had.
    pub fn read_options(&self) -> Result<Vec<(String, Zeroizing<String>)>, SecretError> {
        let read = |(key, source): &(String, SecretSource)| Ok((key.clone(), source.read()?));
        self.options.iter().map(read).collect()
    }
}

/// What `options` is.
#[derive(Debug)]
struct Options<'a>(&'a mut Vec<(String, SecretSource)>);

/// Most bytes of an option's key.
const KEY: usize = 255;

impl Value for Options<'_> {
    fn read(
        &mut self,
        given: &Spanned<DeValue<'_>>,
        context: &Context<'_>,
    ) -> Result<(), Vec<Wrong>> {
        let unsuitable = || {
            vec![Wrong::new(
                given.span(),
                format!("this is no table: give {}", self.takes()),
            )]
        };
        let table = given.get_ref().as_table().ok_or_else(unsuitable)?;
        let (mut options, mut wrong) = (Vec::new(), Vec::new());
        for (key, value) in table.iter() {
            if key.get_ref().is_empty() || key.get_ref().len() > KEY {
                wrong.push(Wrong::new(
                    key.span(),
                    format!("this is no option: a key has 1 to {KEY} bytes"),
                ));
            }
            let list = value.get_ref().as_array();
            let values = list.map_or_else(|| vec![value], |list| list.iter().collect());
            for value in values {
                match source(value, context) {
                    Ok(source) => options.push((key.get_ref().to_string(), source)),
                    Err(more) => wrong.extend(more),
                }
            }
        }
        if options.len() > MAX_VALUES {
            let sentence = format!(
                "{} values are too many: give at most {MAX_VALUES}",
                options.len()
            );
            wrong.push(Wrong::new(given.span(), sentence));
        }
        match wrong.is_empty() {
            true => {
                *self.0 = options;
                Ok(())
            }
            false => Err(wrong),
        }
    }

    fn write(&self) -> Option<Zeroizing<String>> {
        if self.0.is_empty() {
            return None;
        }
        let mut text = Zeroizing::new(String::from("{"));
        for (index, (key, source)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let key = quote(key);
            let value = Zeroizing::new(match source {
                SecretSource::Text(Hidden(text)) => quote(text),
                SecretSource::File(file) => format!("{{ file = {} }}", File.write(file)),
                SecretSource::Env(variable) => format!("{{ env = {} }}", quote(variable)),
            });
            for part in [comma, " ", &key, " = ", &value] {
                text.push_str(part);
            }
        }
        text.push_str(" }");
        Some(text)
    }

    fn takes(&self) -> String {
        "{ KEY = VALUE, … }, each value a text, a number, true or false, a list of these, { file = \"FILE\" } or { env = \"VARIABLE\" }".to_owned()
    }
}

/// One value. No sentence has it, as only the plugin says which are secret.
fn source(given: &Spanned<DeValue<'_>>, context: &Context<'_>) -> Result<SecretSource, Vec<Wrong>> {
    let text = match given.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Table(table) => return elsewhere(given, table, context),
        _ => return Err(vec![no_source(given)]),
    };
    match text.len() > MAX_VALUE {
        true => Err(vec![Wrong::new(
            given.span(),
            format!(
                "the value has {} bytes: give at most {MAX_VALUE}",
                text.len()
            ),
        )]),
        false => Ok(SecretSource::Text(Hidden(Zeroizing::new(text)))),
    }
}

/// `{ file = "FILE" }` or `{ env = "VARIABLE" }`.
fn elsewhere(
    given: &Spanned<DeValue<'_>>,
    table: &DeTable<'_>,
    context: &Context<'_>,
) -> Result<SecretSource, Vec<Wrong>> {
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((key, file)), None) if key.get_ref() == "file" => {
            Ok(SecretSource::File(File.parse(file, context)?))
        }
        (Some((key, variable)), None) if key.get_ref() == "env" => {
            Ok(SecretSource::Env(VARIABLE.parse(variable, context)?))
        }
        _ => Err(vec![no_source(given)]),
    }
}

fn no_source(given: &Spanned<DeValue<'_>>) -> Wrong {
    let sentence = "this is no value of an option: give a text, a number, true or false, a list of these, { file = \"FILE\" } or { env = \"VARIABLE\" }";
    Wrong::new(given.span(), sentence)
}

impl Section for PluginSettings {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        visitor.key(
            Key::new("options", "The plugin's options: `handclasp plugins inspect ID` lists them. A secret is better named by { file = \"FILE\" } or { env = \"VARIABLE\" } than written here.")
                .example("{ version = \"auto\", private-key = { file = \"key.pem\" } }"),
            &mut Options(&mut self.options),
        );
        visitor.key(
            Key::new("init-timeout", "In place of `init` in [timeouts].").example("\"5s\""),
            &mut Maybe(Lasting(TIMEOUT), &mut self.init_timeout),
        );
        visitor.key(
            Key::new(
                "handshake-timeout",
                "In place of `handshake` in [timeouts].",
            )
            .example("\"10s\""),
            &mut Maybe(Lasting(TIMEOUT), &mut self.handshake_timeout),
        );
        visitor.key(
            Key::new("max-streams", "How many streams with this plugin there may be at a time. Without it: as many as [limits] allows.")
                .example("1000"),
            &mut Maybe(Whole(1..=1_000_000), &mut self.max_streams),
        );
    }
}

/// Most plugins that have settings.
const MOST: usize = 256;

impl NamedTables for BTreeMap<String, PluginSettings> {
    fn add(&mut self, name: &str) -> Result<&mut dyn Section, String> {
        match (is_id(name.as_bytes()), self.len() < MOST) {
            (false, _) => Err(
                "this is no id of a plugin: it has 1 to 47 characters out of a-z, 0-9 and -"
                    .to_owned(),
            ),
            (true, false) => Err(format!("these are too many tables: give at most {MOST}")),
            (true, true) => Ok(self.entry(name.to_owned()).or_default()),
        }
    }

    fn each(&mut self, act: &mut dyn FnMut(&str, &mut dyn Section)) {
        self.iter_mut()
            .for_each(|(name, settings)| act(name, settings));
    }

    fn sample(&self) -> Box<dyn Section> {
        Box::new(PluginSettings::default())
    }

    fn placeholder(&self) -> (&'static str, &'static str) {
        ("ID", "dtls-srtp")
    }
}
