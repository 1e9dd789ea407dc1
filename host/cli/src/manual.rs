//! What the manual says beside what `--help` does.
use std::fmt::Write as _;

/// The environment's variables, and what each is for.
const ENVIRONMENT: [(&str, &str); 9] = [
    (
        "HANDCLASP_LOG",
        "What is logged on standard error: see above. \"warn\" unless it is set.",
    ),
    (
        "HANDCLASP_PLUGIN_PATH",
        "Directories where plugins are looked for, with colons between them, before all others; --plugin-dir replaces it.",
    ),
    (
        "HANDCLASP_OPTION_KEY",
        "The value of the plugin's secret option \"key\" where --option and --option-file do not give it; its name is \
         that of the option in capitals, with \"_\" for \"-\".",
    ),
    (
        "HANDCLASP_TURN_PASSWORD",
        "The password of TURN servers whose URI has none; --turn-password-file replaces it.",
    ),
    (
        "TMPDIR",
        "Where private copies of plugins lie if the system has no sealed memory for them, and what \"check\" writes. \
         Plugins must be allowed to be executed there.",
    ),
    (
        "RUNTIME_DIRECTORY",
        "Where the daemon's control socket is, unless control.socket says so; systemd sets it.",
    ),
    (
        "XDG_RUNTIME_DIR",
        "In its directory \"handclasp\" is the control socket of a daemon that is not root's, unless one of those says so.",
    ),
    (
        "XDG_CACHE_HOME",
        "In its directory \"handclasp\" it is remembered which plugins could be opened; \"~/.cache\" unless it is set.",
    ),
    (
        "NO_COLOR",
        "If it is set and not empty, nothing is coloured.",
    ),
];

const EXAMPLES: [(&str, &str); 6] = [
    ("handclasp demo", "Two peers in one process shake hands."),
    (
        "handclasp demo --plugin dtls-srtp --loss 30 --trace session && handclasp trace session",
        "The same where 30 % of all datagrams are lost, and what happened.",
    ),
    (
        "handclasp new --lang c mine && cd mine && make && handclasp check mine.so",
        "A plugin of your own, and whether it keeps the contract.",
    ),
    (
        "handclasp stream --plugin mine --plugin-dir . --option-file psk=/etc/psk",
        "One stream for a program that drives it, with a secret that no process list shows.",
    ),
    (
        "handclasp serve & handclasp ctl open alice && handclasp ctl open bob --connect alice",
        "A daemon, and two of its streams, which shake hands with each other.",
    ),
    (
        "HANDCLASP_TURN_PASSWORD=… handclasp demo --relay-only --turn turn:USER@HOST",
        "Through a relay.",
    ),
];

/// The sections that follow those of `--help`; `others` are the manual's other pages.
pub(super) fn sections(others: &[String]) -> String {
    let mut text = String::new();
    if !others.is_empty() {
        let _ = writeln!(text, ".SH ENVIRONMENT");
        for (name, meaning) in ENVIRONMENT {
            let _ = writeln!(text, ".TP\n\\fB{name}\\fR\n{}", roff(meaning));
        }
        let _ = writeln!(text, ".SH EXAMPLES");
        for (command, meaning) in EXAMPLES {
            let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{}", roff(command), roff(meaning));
        }
    }
    let mut others: Vec<_> = others
        .iter()
        .map(|name| format!("\\fB{}\\fR(1)", roff(name)))
        .collect();
    if others.is_empty() {
        others.push("\\fBhandclasp\\fR(1)".to_owned());
    }
    let _ = writeln!(text, ".SH \"SEE ALSO\"\n{}", others.join(", "));
    text
}

/// A text that means nothing but itself to roff.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_names_every_variable_of_the_manual() {
        let readme = include_str!("../../../README.md");
        for (name, _) in ENVIRONMENT {
            assert!(readme.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn the_first_page_has_all_and_the_others_lead_to_it() {
        let first = sections(&["handclasp-demo".to_owned()]);
        for part in [
            ".SH ENVIRONMENT",
            "\\fBHANDCLASP_LOG\\fR",
            ".SH EXAMPLES",
            ".SH \"SEE ALSO\"\n\\fBhandclasp\\-demo\\fR(1)",
        ] {
            assert!(first.contains(part), "{first}");
        }
        assert_eq!(sections(&[]), ".SH \"SEE ALSO\"\n\\fBhandclasp\\fR(1)\n");
    }
}
