//! Patterns for names: `*` stands for any characters, `?` for one.

/// Whether a name is what the pattern describes, letter by letter.
pub(in crate::net) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut position) = (0, 0);
    // The last `*`, and up to where the name stands for it.
    let mut star: Option<(usize, usize)> = None;
    while position < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(sign) if *sign == '?' || *sign == name[position] => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((of_star, until)) = star else {
                    return false;
                };
                star = Some((of_star, until + 1));
                (at, position) = (of_star + 1, until + 1);
            }
        }
    }
    pattern[at..].iter().all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;
    use proptest::prelude::*;

    #[test]
    fn stars_stand_for_any_characters_and_question_marks_for_one() {
        for (pattern, name, expected) in [
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
            ("eth01", "eth0", false),
            ("eth?", "eth1", true),
            ("eth?", "eth", false),
            ("eth*", "eth", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("br-*", "br-0a1b", true),
            ("br-*", "bridge", false),
            ("*0", "docker00", true),
            ("*a*b", "xaxbxab", true),
            ("*a*b", "xaxbxa", false),
            ("e?p*s?", "enp3s0", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_described_by_itself_and_by_what_is_left_of_it(
            name in "[a-z.é]{0,9}", cut in 0_usize..10
        ) {
            let kept: String = name.chars().take(cut).collect();
            prop_assert!(matches(&name, &name));
            let (from_start, from_anywhere) = (format!("{kept}*"), format!("*{name}*"));
            prop_assert!(matches(&from_start, &name));
            prop_assert!(matches(&from_anywhere, &name));
            let any = "?".repeat(name.chars().count());
            prop_assert!(matches(&any, &name));
            let more = format!("{any}?");
            prop_assert!(!matches(&more, &name));
        }

        #[test]
        fn many_stars_take_no_longer(name in "a{0,255}") {
            let pattern = "a*".repeat(100) + "b";
            prop_assert!(!matches(&pattern, &name));
        }
    }
}
