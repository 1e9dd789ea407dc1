//! Writes a file with every key and its default.
use super::config::Config;
use super::key::{Effect, Heading, Key, NamedTables, Section, Tables, Visitor};
use super::reader::joined;
use super::value::Value;

const ABOUT: &str = "Settings of `handclasp serve`. Every key is here, with its default; one that has none, and a table that is not \
                     needed, is behind a #. `handclasp config check FILE` says what is wrong with a file. Relative paths start \
                     from the directory of the file. After a change: `systemctl reload`, or SIGHUP; what needs a restart says so.";

/// Characters of a line of comment.
const WIDTH: usize = 110;

pub(super) fn write(config: &mut Config) -> String {
    let mut example = Example {
        path: String::new(),
        is_sample: false,
        text: String::new(),
    };
    example.comment(ABOUT);
    config.keys(&mut example);
    example.text
}

struct Example {
    path: String,
    /// Whether it is in a table that is behind a `#`.
    is_sample: bool,
    text: String,
}

impl Example {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// In lines that are not too long.
    fn comment(&mut self, sentences: &str) {
        let mut line = "#".to_owned();
        for word in sentences.split_whitespace() {
            if line.chars().count() + word.chars().count() >= WIDTH {
                self.line(&line);
                line = "#".to_owned();
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    fn within(
        &mut self,
        path: String,
        heading: &str,
        help: &str,
        is_sample: bool,
        section: &mut dyn Section,
    ) {
        self.line("");
        self.comment(help);
        let mark = if is_sample { "#" } else { "" };
        self.line(&format!("{mark}{heading}"));
        let mut inner = Self {
            path,
            is_sample,
            text: std::mem::take(&mut self.text),
        };
        section.keys(&mut inner);
        self.text = inner.text;
    }
}

impl Visitor for Example {
    fn key(&mut self, key: Key, value: &mut dyn Value) {
        let restart = match key.effect {
            Effect::Reload => "",
            Effect::Restart(_) => " Needs a restart.",
        };
        self.line("");
        self.comment(&format!("{} Give {}.{restart}", key.help, value.takes()));
        let default = value.write();
        let mark = if self.is_sample || default.is_none() {
            "#"
        } else {
            ""
        };
        let default = default.as_ref().map(|text| text.as_str());
        let value = default.or(key.example).unwrap_or_default();
        self.line(&format!("{mark}{} = {value}", key.name));
    }

    fn section(&mut self, heading: Heading, section: &mut dyn Section) {
        let path = joined(&self.path, heading.name);
        self.within(
            path.clone(),
            &format!("[{path}]"),
            heading.help,
            self.is_sample,
            section,
        );
    }

    fn list(&mut self, heading: Heading, tables: &mut dyn Tables) {
        let path = joined(&self.path, heading.name);
        self.within(
            path.clone(),
            &format!("[[{path}]]"),
            heading.help,
            true,
            &mut *tables.sample(),
        );
    }

    fn named(&mut self, heading: Heading, tables: &mut dyn NamedTables) {
        let (_, name) = tables.placeholder();
        let path = joined(&joined(&self.path, heading.name), name);
        self.within(
            path.clone(),
            &format!("[{path}]"),
            heading.help,
            true,
            &mut *tables.sample(),
        );
    }
}
