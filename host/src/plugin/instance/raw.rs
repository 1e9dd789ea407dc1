//! An instance as the contract sees it: a pointer, and calls that are judged.
use super::judge::judge_closely;
use super::{Failed, Instance};
use crate::plugin::collector::{Collector, InCall};
use crate::plugin::effects::Effects;
use crate::plugin::fault::{CallName, Failure, FailureKind, Fault};
use crate::plugin::lent::{Lent, Loan, lend};
use crate::plugin::open::Plugin;
use crate::plugin::secrets::Kept;
use crate::plugin::unwind::guarded;
use handclasp_abi as abi;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr;
use std::slice;
use std::sync::Arc;

pub(super) use super::judge::Verdict;

#[derive(Debug)]
pub(super) struct Raw {
    pub(super) plugin: Arc<Plugin>,
    pub(super) instance: *mut c_void,
    pub(super) collector: Collector,
    /// What it knows and must not say. Dropped after `destroy`.
    secrets: Vec<Kept>,
    /// The latest keys that were exported.
    exported: VecDeque<Kept>,
}

/// Fewer bytes of handshake data are no keys.
const LEAST_KEYS: usize = 8;
/// Of so many exported keys, the latest, it is known what must not be said.
const MAX_EXPORTED: usize = 16;

// SAFETY: the contract lets the thread change between two calls, and an `Instance` is called by whoever owns
// it, so by one thread at a time.
unsafe impl Send for Raw {}

impl Drop for Raw {
    /// A safety net: whoever is done with an instance destroys it.
    fn drop(&mut self) {
        self.destroy();
    }
}

/// Whether a plugin has filled nothing of what it was given. Few bytes may be zero by chance.
pub(super) fn is_zero(key: &[u8]) -> bool {
    key.len() >= LEAST_KEYS && key.iter().all(|byte| *byte == 0)
}

impl Raw {
    /// Without an instance yet.
    pub(super) fn new(plugin: Arc<Plugin>, mtu: u16, secrets: Vec<Kept>) -> Self {
        Self {
            plugin,
            instance: ptr::null_mut(),
            collector: Collector::new(mtu),
            secrets,
            exported: VecDeque::new(),
        }
    }

    /// Destroys the instance, if there is one.
    pub(super) fn destroy(&mut self) {
        let instance = std::mem::replace(&mut self.instance, ptr::null_mut());
        if !instance.is_null() {
            let destroy = self.plugin.calls().destroy;
            guarded(self.plugin.id(), CallName::Destroy, || {
                // SAFETY: `init` made this instance, this is the only owner of it, and it is called no more.
                unsafe { destroy(instance) }
            });
        }
    }

    /// Runs one call and judges what came back.
    #[inline]
    pub(super) fn call(
        mut self: Box<Self>,
        name: CallName,
        now_ns: u64,
        effects: &mut Effects,
        body: impl FnOnce(*mut c_void, *const abi::hc_call) -> abi::hc_status,
    ) -> Result<(Box<Self>, Verdict), Failed> {
        effects.begin();
        let table = self.collector.table(now_ns);
        let in_call = InCall::enter(&table);
        let table = lend(Loan::Call, slice::from_ref(&table));
        let status = guarded(self.plugin.id(), name, || {
            body(self.instance, table.as_ptr())
        });
        drop((table, in_call));
        match status {
            abi::HC_PENDING if !self.collector.spoke() => Ok((self, Verdict::Pending)),
            _ => self.judge(name, status, effects),
        }
    }

    /// Holds a call's answer and emissions against the contract, and hands those over.
    #[cold]
    pub(super) fn judge(
        mut self: Box<Self>,
        name: CallName,
        status: abi::hc_status,
        effects: &mut Effects,
    ) -> Result<(Box<Self>, Verdict), Failed> {
        self.hush();
        let judged = judge_closely(name, status, &mut self.collector);
        self.collector.hand_over(effects);
        match judged {
            Ok(verdict) => Ok((self, verdict)),
            Err((kind, detail)) => Err(self.fail(name, kind, detail)),
        }
    }

    /// Lets the plugin fill `out`, and returns its status. What it logs meanwhile is told without the key.
    pub(super) fn export(
        &mut self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> abi::hc_status {
        let Some(exporter) = self.plugin.exporter() else {
            return abi::HC_ERROR_UNSUPPORTED;
        };
        let label = lend(Loan::Label, label);
        let context = context.map(|context| lend(Loan::Context, context));
        let context = context.as_ref().map(Lent::bytes);
        let context = context.as_ref().map_or(ptr::null(), ptr::from_ref);
        let table = self.collector.table(0);
        let in_call = InCall::enter(&table);
        let status = guarded(self.plugin.id(), CallName::Exporter, || {
            // SAFETY: this instance is called by its owner only; everything lent outlives the call.
            unsafe {
                exporter(
                    self.instance,
                    label.bytes(),
                    context,
                    out.as_mut_ptr(),
                    out.len(),
                )
            }
        });
        drop(in_call);
        if status == abi::HC_PENDING && !is_zero(out) {
            self.keep_exported(out);
        }
        self.hush();
        self.collector.spoke = false;
        status
    }

    fn keep_exported(&mut self, key: &[u8]) {
        let secrets = self.plugin.secrets().filter(|_| key.len() >= LEAST_KEYS);
        let Some(kept) = secrets.and_then(|secrets| secrets.keep(key)) else {
            return;
        };
        self.exported.truncate(MAX_EXPORTED - 1);
        self.exported.push_front(kept);
    }

    /// Blanks its secrets, the keys of this very call among them, in what it said, and tells what it logged.
    fn hush(&mut self) {
        let said = &mut self.collector;
        if let Some(secrets) = self.plugin.secrets() {
            let data = said.handshake_data.as_ref();
            let keys = data.filter(|data| data.len() >= LEAST_KEYS);
            self.secrets
                .extend(keys.and_then(|keys| secrets.keep(keys)));
            if let Some(sentence) = &mut said.effects.sentence
                && let Some(blanked) = secrets.blank(sentence.as_bytes())
            {
                *sentence = String::from_utf8_lossy(&blanked).into_owned();
            }
        }
        for line in said.logged.drain(..) {
            self.plugin.tell(line.level, &line.said);
        }
    }

    #[inline]
    pub(super) fn recv(
        self: Box<Self>,
        datagram: &[u8],
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<(Box<Self>, Verdict), Failed> {
        let recv = self.plugin.calls().recv_from_peer;
        self.call(CallName::RecvFromPeer, now_ns, effects, |instance, call| {
            // SAFETY: `Raw::call` passes its own instance and table; the datagram outlives the call.
            unsafe { recv(instance, lend(Loan::Datagram, datagram).bytes(), call) }
        })
    }

    pub(super) fn deadline(
        self: Box<Self>,
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<(Box<Self>, Verdict), Failed> {
        let Some(on_deadline) = self.plugin.on_deadline() else {
            return Ok((self, Verdict::Pending));
        };
        self.call(CallName::OnDeadline, now_ns, effects, |instance, call| {
            // SAFETY: `Raw::call` passes its own instance and table.
            unsafe { on_deadline(instance, call) }
        })
    }

    pub(super) fn wake(
        self: Box<Self>,
        now_ns: u64,
        effects: &mut Effects,
    ) -> Result<(Box<Self>, Verdict), Failed> {
        let Some(on_wake) = self.plugin.on_wake() else {
            return Ok((self, Verdict::Pending));
        };
        self.call(CallName::OnWake, now_ns, effects, |instance, call| {
            // SAFETY: `Raw::call` passes its own instance and table.
            unsafe { on_wake(instance, call) }
        })
    }

    pub(super) fn fault(self: Box<Self>, call: CallName, fault: Fault) -> Failed {
        self.fail(call, FailureKind::Fault, Some(fault.to_string()))
    }

    /// The failure of a call, after which nothing is left to do but to destroy the instance.
    #[cold]
    pub(super) fn fail(
        mut self: Box<Self>,
        call: CallName,
        kind: FailureKind,
        detail: Option<String>,
    ) -> Failed {
        self.collector.handshake_data = None;
        let failure = self.failure(call, kind, detail);
        let instance = (!self.instance.is_null()).then(|| Instance::of(self));
        Failed { failure, instance }
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
