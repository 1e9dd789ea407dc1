//! What an event of the system's is of.

/// What a loop waits for. Those named first have their turn first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Token {
    /// Another thread wants something of the loop.
    Waker,
    /// A UDP socket, by its index among the loop's; below, too, an index is among the loop's of its kind, and
    /// less than 2⁶¹ (2²⁹ where addresses have 32 bits).
    Socket(usize),
    /// A TCP listener.
    Listener(usize),
    /// A TCP connection to a peer, or to what may prove to be one.
    Connection(usize),
    /// A connection to a relay.
    Relay(usize),
    /// The link from the process whose ports were taken over.
    Predecessor,
    /// The link to the process that has taken over.
    Successor,
}

/// The bits of an index; those above are the kind.
const INDEX_BITS: u32 = usize::BITS - 3;

impl From<Token> for mio::Token {
    fn from(token: Token) -> Self {
        let (kind, index) = match token {
            Token::Waker => (0, 0),
            Token::Socket(index) => (1, index),
            Token::Listener(index) => (2, index),
            Token::Connection(index) => (3, index),
            Token::Relay(index) => (4, index),
            Token::Predecessor => (5, 0),
            Token::Successor => (6, 0),
        };
        debug_assert!(index >> INDEX_BITS == 0, "more than fits any memory");
        Self(kind << INDEX_BITS | index)
    }
}

impl From<mio::Token> for Token {
    fn from(mio::Token(token): mio::Token) -> Self {
        let kind = token >> INDEX_BITS;
        let index = token & ((1 << INDEX_BITS) - 1);
        match kind {
            1 => Self::Socket(index),
            2 => Self::Listener(index),
            3 => Self::Connection(index),
            4 => Self::Relay(index),
            5 => Self::Predecessor,
            6 => Self::Successor,
            _ => Self::Waker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{INDEX_BITS, Token};
    use std::collections::HashSet;

    #[test]
    fn each_token_comes_back_as_it_was_given_and_no_two_are_one() {
        let kinds = [
            Token::Socket,
            Token::Listener,
            Token::Connection,
            Token::Relay,
        ];
        let indices = [0, 1, 2, 1 << 20, (1 << INDEX_BITS) - 1];
        let indexed = kinds.iter().flat_map(|kind| indices.map(kind));
        let mut seen = HashSet::new();
        for token in indexed.chain([Token::Waker, Token::Predecessor, Token::Successor]) {
            let given = mio::Token::from(token);
            assert_eq!(Token::from(given), token);
            assert!(seen.insert(given), "{token:?} is another's as well");
        }
    }
}
