//! Reads what is in a file.
use super::key::{Heading, Key, NamedTables, Section, Tables, Visitor};
use super::kind::Context;
use super::places::Places;
use super::value::Value;
use super::wrong::Wrong;
use handclasp::similar;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads all sections of one file, and gathers what is wrong with them.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) context: Context<'a>,
    /// The paths of all keys there are.
    pub(super) all: &'a [String],
    /// Each with the path of its key: so many at most as are worth to be sorted.
    pub(super) wrong: Vec<(String, Wrong)>,
    /// How many more there are.
    pub(super) left_out: usize,
}

/// Most errors that are gathered.
pub(super) const MOST_WRONG: usize = 1000;

/// Most tables of one kind.
const MOST: usize = 64;

impl Reading<'_> {
    /// Reads `table`, which is at `path`, into `section`.
    pub(super) fn read(
        &mut self,
        path: &str,
        table: &Spanned<DeTable<'_>>,
        section: &mut dyn Section,
    ) {
        self.read_table(path, table.get_ref(), table.span(), section);
    }

    fn read_table(
        &mut self,
        path: &str,
        table: &DeTable<'_>,
        span: Range<usize>,
        section: &mut dyn Section,
    ) {
        let mut reader = TableReader {
            reading: self,
            path,
            table,
            known: Vec::new(),
            places: Places::new(span),
        };
        section.keys(&mut reader);
        let TableReader {
            known, mut places, ..
        } = reader;
        for key in table
            .keys()
            .filter(|key| !known.contains(&&**key.get_ref()))
        {
            let sentence = self.unknown(path, key.get_ref(), &known);
            self.add(path, Some(key.get_ref()), Wrong::new(key.span(), sentence));
        }
        section.rules(&mut places);
        for (key, wrong) in places.wrong {
            self.add(path, key, wrong);
        }
    }

    fn add(&mut self, path: &str, key: Option<&str>, wrong: Wrong) {
        if self.wrong.len() == MOST_WRONG {
            self.left_out += 1;
            return;
        }
        let path = match key {
            Some(key) => joined(path, key),
            None => path.to_owned(),
        };
        self.wrong.push((path, wrong));
    }

    /// What to write in place of a key that is unknown here.
    fn unknown(&self, path: &str, key: &str, known: &[&str]) -> String {
        if let Some(meant) = similar(known.iter().copied(), key) {
            return format!("there is no such key: did you mean `{meant}`?");
        }
        let elsewhere = self
            .all
            .iter()
            .find(|path| path.rsplit('.').next() == Some(key));
        match elsewhere {
            Some(path) => format!("there is no such key here: did you mean `{path}`?"),
            None if path.is_empty() => {
                format!("there is no such table: write one of {}", list(known))
            }
            None => format!("there is no such key: write one of {}", list(known)),
        }
    }
}

fn list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The path of a key in a table.
pub(super) fn joined(path: &str, key: &str) -> String {
    match path.is_empty() {
        true => key.to_owned(),
        false => format!("{path}.{key}"),
    }
}

struct TableReader<'a, 'r> {
    reading: &'a mut Reading<'r>,
    path: &'a str,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
    places: Places,
}

impl<'a> TableReader<'a, '_> {
    /// The key of this name and what it is given, if it is.
    fn given(&mut self, name: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(name);
        let (key, value) = self.table.get_key_value(name)?;
        self.places.add(name, key.span());
        Some(value)
    }

    fn wrong(&mut self, name: &str, span: Range<usize>, sentence: impl Into<String>) {
        let (path, wrong) = (self.path, Wrong::new(span, sentence));
        self.reading.add(path, Some(name), wrong);
    }
}

impl Visitor for TableReader<'_, '_> {
    fn key(&mut self, key: Key, value: &mut dyn Value) {
        let Some(given) = self.given(key.name) else {
            return;
        };
        let read = value.read(given, &self.reading.context);
        for wrong in read.err().into_iter().flatten() {
            self.reading.add(self.path, Some(key.name), wrong);
        }
    }

    fn section(&mut self, heading: Heading, section: &mut dyn Section) {
        let Some(given) = self.given(heading.name) else {
            return;
        };
        let path = joined(self.path, heading.name);
        match given.get_ref().as_table() {
            Some(table) => self.reading.read_table(&path, table, given.span(), section),
            None => self.wrong(
                heading.name,
                given.span(),
                format!("this is a table: write it as [{path}]"),
            ),
        }
    }

    fn list(&mut self, heading: Heading, tables: &mut dyn Tables) {
        let Some(given) = self.given(heading.name) else {
            return;
        };
        let path = joined(self.path, heading.name);
        let sentence = format!("there may be several such tables: write each as [[{path}]]");
        let Some(list) = given.get_ref().as_array() else {
            return self.wrong(heading.name, given.span(), sentence);
        };
        if list.len() > MOST {
            self.wrong(
                heading.name,
                given.span(),
                format!("these are too many tables: give at most {MOST}"),
            );
        }
        for one in list.iter().take(MOST) {
            match one.get_ref().as_table() {
                Some(table) => self
                    .reading
                    .read_table(&path, table, one.span(), tables.add()),
                None => self.wrong(heading.name, one.span(), sentence.clone()),
            }
        }
    }

    fn named(&mut self, heading: Heading, tables: &mut dyn NamedTables) {
        let Some(given) = self.given(heading.name) else {
            return;
        };
        let path = joined(self.path, heading.name);
        let (placeholder, _) = tables.placeholder();
        let Some(named) = given.get_ref().as_table() else {
            let sentence =
                format!("each such table has a name: write it as [{path}.{placeholder}]");
            return self.wrong(heading.name, given.span(), sentence);
        };
        for (name, one) in named.iter() {
            let path = joined(&path, name.get_ref());
            let Some(table) = one.get_ref().as_table() else {
                let wrong = Wrong::new(
                    name.span(),
                    format!("this is a table: write it as [{path}]"),
                );
                self.reading.add(&path, None, wrong);
                continue;
            };
            match tables.add(name.get_ref()) {
                Ok(section) => self.reading.read_table(&path, table, one.span(), section),
                Err(sentence) => self
                    .reading
                    .add(&path, None, Wrong::new(name.span(), sentence)),
            }
        }
    }
}
