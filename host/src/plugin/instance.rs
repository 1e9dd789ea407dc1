//! One handshake's instance. Its state is its type: a call in the wrong order does not compile, and a call
//! that fails takes the instance with it.
use super::call::{CallName, Emitted};
use super::fault::{Failure, FailureKind, Fault};
use super::open::Plugin;
use handclasp_abi as abi;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Who starts the handshake: from offer and answer or the application, never from the ICE role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This side starts.
    Initiator,
    /// The peer starts.
    Responder,
}

/// What an instance is made for.
#[derive(Clone, Debug)]
pub struct InitParameters {
    /// This component: 1 is RTP, 2 is RTCP.
    pub component_id: u16,
    /// How many components the stream has.
    pub component_count: u16,
    /// Most bytes of UDP payload a packet may have.
    pub mtu: u16,
    /// Unique in this process, never reused; an instance of another association has another.
    pub instance_id: u64,
    /// Unique in this process, never reused.
    pub stream_id: u64,
    /// Validated options.
    pub options: Arc<[(String, String)]>,
}

/// State: made, and waiting for [`set_peer`](Instance::set_peer).
#[derive(Debug)]
pub enum AwaitingPeer {}
/// State: in progress before [`connection_ready`](Instance::connection_ready).
#[derive(Debug)]
pub enum AwaitingReady {}
/// State: in progress after [`connection_ready`](Instance::connection_ready).
#[derive(Debug)]
pub enum Connected {}
/// State: finished; retransmissions and alerts are still its business.
#[derive(Debug)]
pub enum Finished {}

/// The states in which a handshake is in progress and takes datagrams.
pub trait InProgress {}
impl InProgress for AwaitingReady {}
impl InProgress for Connected {}

/// An instance in the state `S`. Dropping it destroys it.
#[derive(Debug)]
pub struct Instance<S> {
    /// One word to move: instances change hands with every call.
    raw: Box<Raw>,
    state: PhantomData<S>,
}

/// What `init` made.
#[derive(Debug)]
pub enum Started {
    /// The handshake is over; nothing but `destroy` is ever called.
    Finished,
    /// The plugin wants to know its peer first.
    AwaitingPeer(Instance<AwaitingPeer>),
    /// The handshake is in progress.
    AwaitingReady(Instance<AwaitingReady>),
}

/// How a call on a handshake in progress ended.
#[derive(Debug)]
pub enum Step<S> {
    /// It goes on.
    Pending(Instance<S>),
    /// It is over, with what was agreed on.
    Finished(Instance<Finished>, Zeroizing<Vec<u8>>),
}

#[derive(Debug)]
struct Raw {
    plugin: Arc<Plugin>,
    instance: *mut c_void,
    mtu: u16,
}

// SAFETY: the contract lets the thread change between two calls, and an `Instance` is called by whoever owns
// it, so by one thread at a time.
unsafe impl Send for Raw {}

impl Drop for Raw {
    fn drop(&mut self) {
        if !self.instance.is_null() {
            // SAFETY: `init` made this instance, this is the only owner of it, and it is called no more.
            unsafe { (self.plugin.calls().destroy)(self.instance) };
        }
    }
}

/// Makes an instance.
///
/// # Errors
/// The plugin's failure, or its breach of the contract.
pub fn init(
    plugin: &Arc<Plugin>,
    parameters: &InitParameters,
    now_ns: u64,
    emitted: &mut Emitted,
) -> Result<Started, Failure> {
    let settings: Vec<abi::hc_setting> = parameters
        .options
        .iter()
        .map(|(key, value)| abi::hc_setting {
            key: lend(key.as_bytes()),
            value: lend(value.as_bytes()),
        })
        .collect();
    let init = abi::hc_init {
        struct_size: size_of::<abi::hc_init>() as u32,
        component_id: parameters.component_id.into(),
        component_count: parameters.component_count.into(),
        mtu: parameters.mtu.into(),
        stream_id: parameters.stream_id,
        instance_id: parameters.instance_id,
        options: settings.as_ptr(),
        option_count: settings.len(),
    };
    emitted.begin(parameters.mtu.into());
    let mut instance = ptr::null_mut();
    let call = emitted.lend(now_ns);
    // SAFETY: the plugin was checked when it was opened; everything lent outlives the call.
    let status = unsafe { (plugin.calls().init)(plugin.host_table(), &init, call, &mut instance) };
    // After a failed `init` the contract has nothing to destroy, whatever the plugin left in the pointer.
    let instance = if status < 0 {
        ptr::null_mut()
    } else {
        instance
    };
    let raw = Box::new(Raw {
        plugin: Arc::clone(plugin),
        instance,
        mtu: parameters.mtu,
    });
    match raw.judge(CallName::Init, status, emitted)? {
        Verdict::Finished => Ok(Started::Finished),
        Verdict::Pending if raw.instance.is_null() => {
            Err(raw.fault(CallName::Init, Fault::NoInstance))
        }
        Verdict::Pending if raw.plugin.wants_peer() => Ok(Started::AwaitingPeer(Instance::of(raw))),
        Verdict::Pending => Ok(Started::AwaitingReady(Instance::of(raw))),
    }
}

impl Instance<AwaitingPeer> {
    /// Tells the instance its role and what the peer's `init` produced.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn set_peer(
        self,
        role: Role,
        init_data: &[u8],
        now_ns: u64,
        emitted: &mut Emitted,
    ) -> Result<Step<AwaitingReady>, Failure> {
        let peer = abi::hc_peer {
            struct_size: size_of::<abi::hc_peer>() as u32,
            role: match role {
                Role::Initiator => abi::HC_ROLE_INITIATOR,
                Role::Responder => abi::HC_ROLE_RESPONDER,
            },
            init_data: lend(init_data),
        };
        let set_peer = self
            .raw
            .plugin
            .set_peer()
            .expect("only a plugin with hc.peer/1 awaits its peer");
        self.raw
            .call(CallName::SetPeer, now_ns, emitted, |instance, call| {
                // SAFETY: `Raw::call` passes its own instance and table; `peer` outlives the call.
                unsafe { set_peer(instance, &peer, call) }
            })
            .map(|(raw, verdict)| step(raw, verdict, emitted))
    }
}

impl Instance<AwaitingReady> {
    /// ICE has a selected pair.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn connection_ready(
        self,
        now_ns: u64,
        emitted: &mut Emitted,
    ) -> Result<Step<Connected>, Failure> {
        let connection_ready = self.raw.plugin.calls().connection_ready;
        self.raw
            .call(
                CallName::ConnectionReady,
                now_ns,
                emitted,
                |instance, call| {
                    // SAFETY: `Raw::call` passes its own instance and table.
                    unsafe { connection_ready(instance, call) }
                },
            )
            .map(|(raw, verdict)| step(raw, verdict, emitted))
    }
}

impl<S: InProgress> Instance<S> {
    /// A datagram from a validated address.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn recv_from_peer(
        self,
        datagram: &[u8],
        now_ns: u64,
        emitted: &mut Emitted,
    ) -> Result<Step<S>, Failure> {
        self.raw
            .recv(datagram, now_ns, emitted)
            .map(|(raw, verdict)| step(raw, verdict, emitted))
    }

    /// The deadline is due.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn on_deadline(self, now_ns: u64, emitted: &mut Emitted) -> Result<Step<S>, Failure> {
        self.raw
            .deadline(now_ns, emitted)
            .map(|(raw, verdict)| step(raw, verdict, emitted))
    }

    /// The plugin asked to be woken.
    ///
    /// # Errors
    /// The plugin's failure, or its breach of the contract.
    pub fn on_wake(self, now_ns: u64, emitted: &mut Emitted) -> Result<Step<S>, Failure> {
        self.raw
            .wake(now_ns, emitted)
            .map(|(raw, verdict)| step(raw, verdict, emitted))
    }
}

impl Instance<Finished> {
    /// A datagram of the handshake after its finish.
    ///
    /// # Errors
    /// The plugin's failure (an orderly [`FailureKind::ClosedByPeer`] among them), or its breach of the
    /// contract.
    pub fn recv_from_peer(
        self,
        datagram: &[u8],
        now_ns: u64,
        emitted: &mut Emitted,
    ) -> Result<Self, Failure> {
        self.raw
            .recv(datagram, now_ns, emitted)
            .and_then(still_finished(CallName::RecvFromPeer))
    }

    /// The deadline is due.
    ///
    /// # Errors
    /// As for [`recv_from_peer`](Self::recv_from_peer).
    pub fn on_deadline(self, now_ns: u64, emitted: &mut Emitted) -> Result<Self, Failure> {
        self.raw
            .deadline(now_ns, emitted)
            .and_then(still_finished(CallName::OnDeadline))
    }

    /// The plugin asked to be woken.
    ///
    /// # Errors
    /// As for [`recv_from_peer`](Self::recv_from_peer).
    pub fn on_wake(self, now_ns: u64, emitted: &mut Emitted) -> Result<Self, Failure> {
        self.raw
            .wake(now_ns, emitted)
            .and_then(still_finished(CallName::OnWake))
    }

    /// Derives keying material (RFC 5705) into `out`. An absent and an empty context differ.
    ///
    /// # Errors
    /// The plugin's failure: [`FailureKind::Unsupported`] where it exports nothing, or not this.
    pub fn export(
        &mut self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), Failure> {
        let plugin = &self.raw.plugin;
        let context = context.map(lend);
        let context = context.as_ref().map_or(ptr::null(), ptr::from_ref);
        let status = plugin
            .exporter()
            .map_or(abi::HC_ERROR_UNSUPPORTED, |exporter| {
                // SAFETY: this instance is called by its owner only; everything lent outlives the call.
                unsafe {
                    exporter(
                        self.raw.instance,
                        lend(label),
                        context,
                        out.as_mut_ptr(),
                        out.len(),
                    )
                }
            });
        match FailureKind::of(status) {
            None if status == abi::HC_PENDING => Ok(()),
            None => Err(self
                .raw
                .fault(CallName::Exporter, Fault::UnknownStatus(status))),
            Some(kind) => Err(self.raw.failure(CallName::Exporter, kind, None)),
        }
    }
}

impl<S> Instance<S> {
    fn of(raw: Box<Raw>) -> Self {
        Self {
            raw,
            state: PhantomData,
        }
    }

    /// Lets the plugin say its last words, and destroys the instance.
    ///
    /// # Errors
    /// The plugin's failure, which changes nothing: the instance is gone either way.
    pub fn close(self, now_ns: u64, emitted: &mut Emitted) -> Result<(), Failure> {
        emitted.begin(self.raw.mtu.into());
        let Some(close) = self.raw.plugin.close() else {
            return Ok(());
        };
        self.raw
            .call(CallName::Close, now_ns, emitted, |instance, call| {
                // SAFETY: `Raw::call` passes its own instance and table.
                unsafe { close(instance, call) }
            })
            .and_then(|(raw, verdict)| match verdict {
                Verdict::Pending => Ok(()),
                Verdict::Finished => Err(raw.fault(CallName::Close, Fault::FinishedHere)),
            })
    }

    /// Asks the plugin whether a datagram is the handshake's, where its map of first bytes is not enough.
    pub fn is_handshake(&mut self, datagram: &[u8]) -> bool {
        self.raw.plugin.is_handshake().is_none_or(|is_handshake| {
            // SAFETY: this instance is called by its owner only; the datagram outlives the call.
            unsafe { is_handshake(self.raw.instance, lend(datagram)) != 0 }
        })
    }
}

/// What the contract makes of a status that is no failure.
enum Verdict {
    Pending,
    Finished,
}

impl Raw {
    /// Runs one call and judges what came back. A failure drops the instance.
    #[inline]
    fn call(
        self: Box<Self>,
        name: CallName,
        now_ns: u64,
        emitted: &mut Emitted,
        body: impl FnOnce(*mut c_void, *const abi::hc_call) -> abi::hc_status,
    ) -> Result<(Box<Self>, Verdict), Failure> {
        emitted.begin(self.mtu.into());
        let call = emitted.lend(now_ns);
        let status = body(self.instance, call);
        let verdict = self.judge(name, status, emitted)?;
        Ok((self, verdict))
    }

    #[inline]
    fn recv(
        self: Box<Self>,
        datagram: &[u8],
        now_ns: u64,
        emitted: &mut Emitted,
    ) -> Result<(Box<Self>, Verdict), Failure> {
        let recv = self.plugin.calls().recv_from_peer;
        self.call(CallName::RecvFromPeer, now_ns, emitted, |instance, call| {
            // SAFETY: `Raw::call` passes its own instance and table; the datagram outlives the call.
            unsafe { recv(instance, lend(datagram), call) }
        })
    }

    fn deadline(
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

    fn wake(
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
    fn judge(
        &self,
        name: CallName,
        status: abi::hc_status,
        emitted: &mut Emitted,
    ) -> Result<Verdict, Failure> {
        match status {
            abi::HC_PENDING if !emitted.spoke() => Ok(Verdict::Pending),
            _ => self.judge_closely(name, status, emitted),
        }
    }

    #[cold]
    fn judge_closely(
        &self,
        name: CallName,
        status: abi::hc_status,
        emitted: &mut Emitted,
    ) -> Result<Verdict, Failure> {
        let verdict = match status {
            abi::HC_PENDING => Ok(Verdict::Pending),
            abi::HC_FINISHED => Ok(Verdict::Finished),
            failed => match FailureKind::of(failed) {
                None => return Err(self.fault(name, Fault::UnknownStatus(failed))),
                Some(kind) => Err(kind),
            },
        };
        if let Some(fault) = emitted.fault.take() {
            return Err(self.fault(name, fault));
        }
        if emitted.init_data.is_some() && name != CallName::Init {
            return Err(self.fault(name, Fault::WrongCall { what: "init_data" }));
        }
        match verdict {
            Ok(Verdict::Pending) if emitted.handshake_data.is_some() => Err(self.fault(
                name,
                Fault::WrongCall {
                    what: "handshake_data",
                },
            )),
            Ok(verdict) => Ok(verdict),
            Err(kind) => {
                // What a failing call agreed on is worth nothing; its packets (alerts) still leave.
                emitted.handshake_data = None;
                emitted.init_data = None;
                emitted.deadline = None;
                Err(self.failure(name, kind, emitted.sentence.take()))
            }
        }
    }

    fn fault(&self, call: CallName, fault: Fault) -> Failure {
        self.failure(call, FailureKind::Fault, Some(fault.to_string()))
    }

    fn failure(&self, call: CallName, kind: FailureKind, detail: Option<String>) -> Failure {
        Failure {
            plugin: self.plugin.id().to_owned(),
            call,
            kind,
            detail,
        }
    }
}

#[inline]
fn step<S>(raw: Box<Raw>, verdict: Verdict, emitted: &mut Emitted) -> Step<S> {
    match verdict {
        Verdict::Pending => Step::Pending(Instance::of(raw)),
        Verdict::Finished => Step::Finished(
            Instance::of(raw),
            emitted.handshake_data.take().unwrap_or_default(),
        ),
    }
}

fn still_finished(
    name: CallName,
) -> impl FnOnce((Box<Raw>, Verdict)) -> Result<Instance<Finished>, Failure> {
    move |(raw, verdict)| match verdict {
        Verdict::Pending => Ok(Instance::of(raw)),
        Verdict::Finished => Err(raw.fault(name, Fault::FinishedTwice)),
    }
}

fn lend(bytes: &[u8]) -> abi::hc_bytes {
    abi::hc_bytes {
        data: bytes.as_ptr(),
        len: bytes.len(),
    }
}
