//! An instance as the contract sees it: a pointer, and calls that are judged.
use super::judge::judge_closely;
use crate::plugin::emitted::{Emitted, InCall};
use crate::plugin::fault::{CallName, Failure, FailureKind, Fault};
use crate::plugin::lent::{Loan, lend};
use crate::plugin::open::Plugin;
use crate::plugin::secrets::Kept;
use crate::plugin::unwind::guarded;
use handclasp_abi as abi;
use std::ffi::c_void;
use std::slice;
use std::sync::Arc;

pub(super) use super::judge::Verdict;

#[derive(Debug)]
pub(super) struct Raw {
    pub(super) plugin: Arc<Plugin>,
    pub(super) instance: *mut c_void,
    pub(super) mtu: u16,
    /// What it knows and must not say. Dropped after `destroy`.
    secrets: Vec<Kept>,
}

/// Fewer bytes of handshake data are no keys.
const LEAST_KEYS: usize = 8;

// SAFETY: the contract lets the thread change between two calls, and an `Instance` is called by whoever owns
// it, so by one thread at a time.
unsafe impl Send for Raw {}

impl Drop for Raw {
    fn drop(&mut self) {
        if !self.instance.is_null() {
            let destroy = self.plugin.calls().destroy;
            guarded(self.plugin.id(), CallName::Destroy, || {
                // SAFETY: `init` made this instance, this is the only owner of it, and it is called no more.
                unsafe { destroy(self.instance) }
            });
        }
    }
}

impl Raw {
    pub(super) fn new(
        plugin: Arc<Plugin>,
        instance: *mut c_void,
        mtu: u16,
        secrets: Vec<Kept>,
    ) -> Self {
        Self {
            plugin,
            instance,
            mtu,
            secrets,
        }
    }

    /// Runs one call and judges what came back. A failure drops the instance.
    #[inline]
    pub(super) fn call(
        mut self: Box<Self>,
        name: CallName,
        now_ns: u64,
        emitted: &mut Emitted,
        body: impl FnOnce(*mut c_void, *const abi::hc_call) -> abi::hc_status,
    ) -> Result<(Box<Self>, Verdict), Failure> {
        emitted.begin(self.mtu.into());
        let table = emitted.table(now_ns);
        let in_call = InCall::enter(&table);
        let table = lend(Loan::Call, slice::from_ref(&table));
        let status = guarded(self.plugin.id(), name, || {
            body(self.instance, table.as_ptr())
        });
        drop((table, in_call));
        if emitted.spoke() {
            self.hush(emitted);
        }
        let verdict = self.judge(name, status, emitted)?;
        Ok((self, verdict))
    }

    /// Blanks its secrets, the keys of this very call among them, in what it said, and tells what it logged.
    #[cold]
    pub(super) fn hush(&mut self, emitted: &mut Emitted) {
        if let Some(secrets) = self.plugin.secrets() {
            let data = emitted.handshake_data.as_ref();
            let keys = data.filter(|data| data.len() >= LEAST_KEYS);
            self.secrets
                .extend(keys.and_then(|keys| secrets.keep(keys)));
            if let Some(sentence) = &mut emitted.sentence
                && let Some(blanked) = secrets.blank(sentence.as_bytes())
            {
                *sentence = String::from_utf8_lossy(&blanked).into_owned();
            }
        }
        for line in emitted.logged.drain(..) {
            self.plugin.tell(line.level, &line.said);
        }
    }

    #[inline]
    pub(super) fn recv(
        self: Box<Self>,
        datagram: &[u8],
        now_ns: u64,
        emitted: &mut Emitted,
    ) -> Result<(Box<Self>, Verdict), Failure> {
        let recv = self.plugin.calls().recv_from_peer;
        self.call(CallName::RecvFromPeer, now_ns, emitted, |instance, call| {
            // SAFETY: `Raw::call` passes its own instance and table; the datagram outlives the call.
            unsafe { recv(instance, lend(Loan::Datagram, datagram).bytes(), call) }
        })
    }

    pub(super) fn deadline(
        self: Box<Self>,
        now_ns: u64,
        emitted: &mut Emitted,
    ) -> Result<(Box<Self>, Verdict), Failure> {
        let Some(on_deadline) = self.plugin.on_deadline() else {
            return Ok((self, Verdict::Pending));
        };
        self.call(CallName::OnDeadline, now_ns, emitted, |instance, call| {
            // SAFETY: `Raw::call` passes its own instance and table.
            unsafe { on_deadline(instance, call) }
        })
    }

    pub(super) fn wake(
        self: Box<Self>,
        now_ns: u64,
        emitted: &mut Emitted,
    ) -> Result<(Box<Self>, Verdict), Failure> {
        let Some(on_wake) = self.plugin.on_wake() else {
            return Ok((self, Verdict::Pending));
        };
        self.call(CallName::OnWake, now_ns, emitted, |instance, call| {
            // SAFETY: `Raw::call` passes its own instance and table.
            unsafe { on_wake(instance, call) }
        })
    }

    /// Holds a call's answer and emissions against the contract.
    #[inline]
    pub(super) fn judge(
        &self,
        name: CallName,
        status: abi::hc_status,
        emitted: &mut Emitted,
    ) -> Result<Verdict, Failure> {
        match status {
            abi::HC_PENDING if !emitted.spoke() => Ok(Verdict::Pending),
            _ => judge_closely(name, status, emitted)
                .map_err(|(kind, detail)| self.failure(name, kind, detail)),
        }
    }

    pub(super) fn fault(&self, call: CallName, fault: Fault) -> Failure {
        self.failure(call, FailureKind::Fault, Some(fault.to_string()))
    }

    pub(super) fn failure(
        &self,
        call: CallName,
        kind: FailureKind,
        detail: Option<String>,
    ) -> Failure {
        Failure {
            plugin: self.plugin.id().to_owned(),
            call,
            kind,
            detail,
        }
    }
}
