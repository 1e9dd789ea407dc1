use std::fmt::Display;

/// `1 datagram`, `2 datagrams`.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_no_plural() {
        let words = [0_usize, 1, 2].map(|count| counted(count, "line"));
        assert_eq!(words, ["0 lines", "1 line", "2 lines"]);
    }
}
