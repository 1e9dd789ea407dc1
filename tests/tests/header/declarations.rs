//! Reads as much C as the header and cbindgen's output are made of, and forgets how it was written.

use std::collections::BTreeMap;

/// C declarations in one spelling, so that two sources of them can be compared.
#[derive(Default)]
pub(crate) struct Declarations {
    /// The fields of each struct, in order.
    pub(crate) structs: BTreeMap<String, Vec<String>>,
    pub(crate) typedefs: BTreeMap<String, String>,
    /// Macros without parameters, as text.
    pub(crate) constants: BTreeMap<String, String>,
}

impl Declarations {
    /// Panics on a declaration it does not understand: an unread one would be an unchecked one.
    pub(crate) fn parse(source: &str) -> Self {
        let mut found = Self::default();
        let source = without_comments(source);
        let (directives, code): (Vec<_>, Vec<_>) =
            source.lines().partition(|line| line.starts_with('#'));
        for directive in directives {
            found.add_directive(directive);
        }
        let tokens = tokens(&code.join("\n"));
        for statement in statements(&tokens) {
            found.add_statement(statement);
        }
        found
    }

    fn add_directive(&mut self, directive: &str) {
        let Some(definition) = directive.strip_prefix("#define ") else {
            return;
        };
        if let Some((name, value)) = definition.split_once(' ') {
            self.constants
                .insert(name.to_owned(), value.trim().to_owned());
        }
    }

    fn add_statement(&mut self, statement: &[String]) {
        let words: Vec<&str> = statement.iter().map(String::as_str).collect();
        match words.as_slice() {
            // A name before the body and after it: C has two name spaces.
            ["typedef", name, "{", fields @ .., "}", again] if name == again => {
                self.add_struct(name, fields);
            }
            [name, "{", fields @ .., "}"] => self.add_struct(name, fields),
            ["typedef", name, again] if name == again => {} // announces a struct
            ["typedef", definition @ .., name] => {
                self.typedefs
                    .insert((*name).to_owned(), definition.join(" "));
            }
            [.., "extern", "const", "hc_plugin", "handclasp_plugin"] => {} // see `descriptor`
            other => panic!("cannot read this C declaration: {}", other.join(" ")),
        }
    }

    fn add_struct(&mut self, name: &str, fields: &[&str]) {
        let fields = fields
            .split(|token| *token == ";")
            .filter(|field| !field.is_empty());
        self.structs.insert(
            name.to_owned(),
            fields.map(|field| field.join(" ")).collect(),
        );
    }
}

pub(crate) fn without_comments(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        code.push(' '); // as C does: a comment separates
        (_, rest) = comment.split_once("*/").expect("every comment ends");
    }
    code + rest
}

/// Splits into words and single signs. `struct` and calling conventions say nothing about the type, and
/// Rust spells the field `type` with an underscore.
fn tokens(code: &str) -> Vec<String> {
    let spaced: String = code
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '_' {
                c.to_string()
            } else {
                format!(" {c} ")
            }
        })
        .collect();
    spaced
        .split_whitespace()
        .filter(|token| !["struct", "HC_CDECL"].contains(token))
        .map(|token| if token == "type_" { "type" } else { token }.to_owned())
        .collect()
}

/// Splits at the semicolons outside of braces.
fn statements(tokens: &[String]) -> impl Iterator<Item = &[String]> {
    let mut depth = 0;
    tokens
        .split(move |token| {
            match token.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            depth == 0 && token == ";"
        })
        .filter(|statement| !statement.is_empty())
}
