//! A key of the configuration, and what visits it.
use super::places::Places;
use super::value::Value;

/// All that there is to say of a key beside its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What it is for: sentences for people.
    pub(super) help: &'static str,
    pub(super) effect: Effect,
    /// A value in TOML for the example, if there is no default.
    pub(super) example: Option<&'static str>,
}

/// What a changed value needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// A reload is enough.
    Reload,
    /// A restart, for this reason: a sentence.
    Restart(&'static str),
}

impl Key {
    pub(super) const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            effect: Effect::Reload,
            example: None,
        }
    }

    pub(super) const fn restart(mut self, reason: &'static str) -> Self {
        self.effect = Effect::Restart(reason);
        self
    }

    pub(super) const fn example(mut self, value: &'static str) -> Self {
        self.example = Some(value);
        self
    }
}

/// A table of keys.
pub(super) trait Section {
    /// Shows each key and each table in this one to `visitor`, always the same in the same order.
    fn keys(&mut self, visitor: &mut dyn Visitor);

    /// What concerns several keys, once all are read.
    fn rules(&self, _places: &mut Places) {}
}

/// How a section comes in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heading {
    pub(super) name: &'static str,
    /// What it is for: sentences for people.
    pub(super) help: &'static str,
}

/// What wants to see every key.
pub(super) trait Visitor {
    fn key(&mut self, key: Key, value: &mut dyn Value);

    /// A table, `[name]`.
    fn section(&mut self, heading: Heading, section: &mut dyn Section);

    /// Tables without a name of their own, `[[name]]`.
    fn list(&mut self, heading: Heading, tables: &mut dyn Tables);

    /// Tables that the user names, `[name.ID]`.
    fn named(&mut self, heading: Heading, tables: &mut dyn NamedTables);
}

/// Tables of one kind, as many as there are in the file.
pub(super) trait Tables {
    /// Adds one with all defaults.
    fn add(&mut self) -> &mut dyn Section;

    fn each(&mut self, act: &mut dyn FnMut(&mut dyn Section));

    /// One with all defaults, that is not added.
    fn sample(&self) -> Box<dyn Section>;
}

/// The same, each with a name.
pub(super) trait NamedTables {
    /// # Errors
    /// The name is none; continues a sentence that begins with the key.
    fn add(&mut self, name: &str) -> Result<&mut dyn Section, String>;

    fn each(&mut self, act: &mut dyn FnMut(&str, &mut dyn Section));

    fn sample(&self) -> Box<dyn Section>;

    /// What stands for a name in documents, and a name for the example.
    fn placeholder(&self) -> (&'static str, &'static str);
}

impl<S: Section + Default + 'static> Tables for Vec<S> {
    fn add(&mut self) -> &mut dyn Section {
        self.push(S::default());
        self.last_mut().expect("one was just added")
    }

    fn each(&mut self, act: &mut dyn FnMut(&mut dyn Section)) {
        self.iter_mut().for_each(|section| act(section));
    }

    fn sample(&self) -> Box<dyn Section> {
        Box::new(S::default())
    }
}
