//! The files of `host/cli/templates`, which are part of this program.
use super::Language;

/// A file of a project, with `@NAME@`, `@INCLUDE@` and `@SDK@` still in it.
pub(super) struct Template {
    /// Below the project's directory; `/` separates.
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

const GITIGNORE: Template = Template {
    path: ".gitignore",
    text: include_str!("../../templates/gitignore"),
};

/// The files of a project in this language, the one to be read first first.
pub(super) const fn templates(language: Language) -> &'static [Template] {
    match language {
        Language::C => &[
            Template {
                path: "plugin.c",
                text: include_str!("../../templates/c/plugin.c"),
            },
            Template {
                path: "Makefile",
                text: include_str!("../../templates/c/Makefile"),
            },
            GITIGNORE,
        ],
        Language::Cpp => &[
            Template {
                path: "plugin.cpp",
                text: include_str!("../../templates/cpp/plugin.cpp"),
            },
            Template {
                path: "Makefile",
                text: include_str!("../../templates/cpp/Makefile"),
            },
            GITIGNORE,
        ],
        Language::Rust => &[
            Template {
                path: "src/lib.rs",
                text: include_str!("../../templates/rust/lib.rs"),
            },
            Template {
                path: "Cargo.toml",
                text: include_str!("../../templates/rust/Cargo.toml.in"),
            },
            Template {
                path: "Makefile",
                text: include_str!("../../templates/rust/Makefile"),
            },
            GITIGNORE,
        ],
    }
}
