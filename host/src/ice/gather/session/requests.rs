//! Which responses are answers, and which of them are errors.

use std::collections::VecDeque;

use stun_proto::types::attribute::ErrorCode;
use stun_proto::types::message::{Message, MessageClass};

use crate::ice::{StunKind, TransactionId, stun_kind};

/// More than a client has under way at once; the oldest leaves first.
const MAX: usize = 32;

/// Requests without an answer.
#[derive(Debug, Default)]
pub(super) struct Requests(VecDeque<TransactionId>);

impl Requests {
    /// A message leaves, perhaps a request.
    pub(super) fn note(&mut self, message: &[u8]) {
        let Some(StunKind::Request { transaction, .. }) = stun_kind(message) else {
            return;
        };
        if !self.0.contains(&transaction) {
            if self.0.len() == MAX {
                self.0.pop_front();
            }
            self.0.push_back(transaction);
        }
    }

    /// The error code in an answer, once.
    pub(super) fn take_error(&mut self, message: &[u8]) -> Option<u16> {
        let StunKind::Response { transaction } = stun_kind(message)? else {
            return None;
        };
        let index = self.0.iter().position(|known| *known == transaction)?;
        self.0.remove(index);
        let message = Message::from_bytes(message).ok()?;
        let is_error = message.has_class(MessageClass::Error);
        is_error.then(|| Some(message.attribute::<ErrorCode>().ok()?.code()))?
    }
}
