//! A list of all keys.
use super::config::Config;
use super::key::{Effect, Heading, Key, NamedTables, Section, Tables, Visitor};
use super::reader::joined;
use super::value::Value;

/// A key, for documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceRow {
    /// The table that it is in, as it is written: `[listen]`, `[[servers.turn]]`, `[plugin.ID]`.
    pub table: String,
    /// What the table is for: sentences.
    pub about: &'static str,
    /// The key in its table.
    pub name: &'static str,
    /// Its value if it is not given, in TOML; `None` if there is none.
    pub default: Option<String>,
    /// What it may be, as in "give …".
    pub takes: String,
    /// What it is for: sentences.
    pub help: &'static str,
    /// Why a change needs a restart; `None` if a reload is enough.
    pub restart: Option<&'static str>,
}

/// Every key of `config`, with its value there as its default.
pub(super) fn rows(config: &mut Config) -> Vec<ReferenceRow> {
    let mut rows = Rows::default();
    config.keys(&mut rows);
    rows.rows
}

/// The paths of all keys, such as `listen.port`.
pub(super) fn paths() -> Vec<String> {
    let rows = rows(&mut Config::default());
    let path = |row: &ReferenceRow| joined(row.table.trim_matches(['[', ']']), row.name);
    rows.iter().map(path).collect()
}

#[derive(Default)]
struct Rows {
    path: String,
    table: String,
    about: &'static str,
    rows: Vec<ReferenceRow>,
}

impl Rows {
    /// Visits a table within the present one.
    fn within(
        &mut self,
        path: String,
        table: String,
        about: &'static str,
        section: &mut dyn Section,
    ) {
        let mut inner = Self {
            path,
            table,
            about,
            rows: Vec::new(),
        };
        section.keys(&mut inner);
        self.rows.append(&mut inner.rows);
    }
}

impl Visitor for Rows {
    fn key(&mut self, key: Key, value: &mut dyn Value) {
        self.rows.push(ReferenceRow {
            table: self.table.clone(),
            about: self.about,
            name: key.name,
            default: value.write().map(|text| text.to_string()),
            takes: value.takes(),
            help: key.help,
            restart: match key.effect {
                Effect::Reload => None,
                Effect::Restart(reason) => Some(reason),
            },
        });
    }

    fn section(&mut self, heading: Heading, section: &mut dyn Section) {
        let path = joined(&self.path, heading.name);
        self.within(path.clone(), format!("[{path}]"), heading.help, section);
    }

    fn list(&mut self, heading: Heading, tables: &mut dyn Tables) {
        let path = joined(&self.path, heading.name);
        self.within(
            path.clone(),
            format!("[[{path}]]"),
            heading.help,
            &mut *tables.sample(),
        );
    }

    fn named(&mut self, heading: Heading, tables: &mut dyn NamedTables) {
        let (placeholder, _) = tables.placeholder();
        let path = joined(&joined(&self.path, heading.name), placeholder);
        self.within(
            path.clone(),
            format!("[{path}]"),
            heading.help,
            &mut *tables.sample(),
        );
    }
}
