//! The header's shorthand: what it does, and what the compilers say of its misuse.
use crate::compiler::{Language, WARNINGS, compilers};

const HELPERS: &str = include_str!("helpers.c");

#[test]
fn the_helpers_do_what_they_say() {
    for compiler in compilers(Language::C11) {
        let code = compiler.execute(HELPERS);
        assert_eq!(code, Some(0), "each check in helpers.c has a number");
    }
}

#[test]
fn a_value_that_does_not_fit_its_format_is_refused() {
    for language in [Language::C11, Language::Cpp17] {
        for compiler in compilers(language) {
            let failing = |values: &str| {
                format!(
                    "#include \"handclasp.h\"\n\
                     hc_status fail(const hc_call *call);\n\
                     hc_status fail(const hc_call *call) {{ return hc_failf(call, HC_ERROR_OPTION, {values}); }}\n"
                )
            };
            compiler.check(&failing(r#""port %d", 7"#), WARNINGS);
            let said = compiler.refusal(&failing(r#""port %d", "seven""#), WARNINGS);
            assert!(said.contains("format"), "{said}");
        }
    }
}
