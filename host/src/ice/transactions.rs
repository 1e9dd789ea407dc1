//! The checks that wait for an answer.

use std::collections::VecDeque;

use super::Pair;
use super::stun::TransactionId;

/// More than the core keeps in flight while it connects (100 pairs); the oldest
/// leaves first.
const MAX: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) id: TransactionId,
    pub(super) pair: Pair,
    /// Whether the pair was nominated when the check was sent.
    pub(super) nominated: bool,
}

/// Each check is answered once, and by the address it was sent to
/// (RFC 8445 §7.2.5.2.1): a replay neither renews consent nor makes the core grow.
#[derive(Debug, Default)]
pub(super) struct Transactions(VecDeque<Transaction>);

impl Transactions {
    pub(super) fn insert(&mut self, transaction: Transaction) {
        if self.0.len() == MAX {
            self.0.pop_front();
        }
        self.0.push_back(transaction);
    }

    pub(super) fn find(&self, id: TransactionId, pair: Pair) -> Option<Transaction> {
        let mut all = self.0.iter().copied();
        all.find(|transaction| transaction.id == id && transaction.pair == pair)
    }

    /// Whether a check with this id waits for an answer, on whichever pair.
    pub(super) fn contains(&self, id: TransactionId) -> bool {
        self.0.iter().any(|transaction| transaction.id == id)
    }

    pub(super) fn remove(&mut self, id: TransactionId) {
        self.0.retain(|transaction| transaction.id != id);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
