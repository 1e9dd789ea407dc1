//! The child: loads the plugin and carries out one check.
use super::notes::Notes;
use super::outcome::Objection;
use super::table::{Run, named};
use super::{invented, limits};
use crate::cli::exit::Failed;
use crate::cli::plugin_args::setting;
use clap::Args;
use handclasp::plugin::{
    Call, Completion, InitParameters, Plugin, PrivateCopies, PrivateCopy, Request, Services,
    validate, vet,
};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One check of `handclasp check`, which starts this command for each.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(in crate::cli) struct RunCheck {
    name: String,
    file: PathBuf,
    /// Where the verdict is expected
    #[arg(long)]
    notes: PathBuf,
    #[arg(long = "option", value_parser = setting)]
    options: Vec<(String, String)>,
    /// A sanitizer watches this process: do less of everything
    #[arg(long)]
    sanitized: bool,
}

impl RunCheck {
    pub(in crate::cli) fn run(self) -> Result<(), Failed> {
        limits::end_with_parent();
        limits::apply(self.sanitized);
        let notes = Notes::create(&self.notes).map_err(Failed::new)?;
        let check = named(&self.name).ok_or_else(|| Failed::new("there is no such check"))?;
        let (run, reload) = match check.run {
            Run::Calling(run) => (run, false),
            Run::Reloading(run) => (run, true),
            Run::Reading(_) => return Err(Failed::new("this check needs no process")),
        };
        let probe = Probe::open(&self, notes, reload);
        let verdict = probe.as_ref().map_err(|(_, objection)| objection.clone());
        let verdict = verdict.and_then(run);
        let notes = match &probe {
            Ok(probe) => &probe.notes,
            Err((notes, _)) => notes,
        };
        notes.conclude(&verdict).map_err(Failed::new)
    }
}

/// A loaded plugin, and what calls into it need.
pub(crate) struct Probe {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) notes: Notes,
    /// As given on the command line, and made up where something was missing.
    pub(crate) given: Vec<(String, String)>,
    /// Validated, with defaults.
    settings: Arc<[(String, String)]>,
    woken: Woken,
    ids: AtomicU64,
    copy: PrivateCopy,
    /// Keeps the copy's file, so that opening it again finds the same image.
    _copies: PrivateCopies,
    pub(crate) sanitized: bool,
}

/// The instances that have asked for `on_wake`.
type Woken = Arc<Mutex<HashSet<u64>>>;

/// Bytes of UDP payload a packet may have: what a host tells a plugin on an ordinary path.
pub(crate) const MTU: u16 = 1200;

impl Probe {
    fn open(arguments: &RunCheck, notes: Notes, reload: bool) -> Result<Self, (Notes, Objection)> {
        let woken = Woken::default();
        let opened = copy(&arguments.file).and_then(|(copies, copy)| {
            if reload {
                drop(open(&copy, &woken, &notes)?);
            }
            let plugin = open(&copy, &woken, &notes)?;
            let specs = &plugin.description().options;
            let given = invented::complete(specs, &arguments.options);
            let settings = validate(plugin.id(), specs, &given)
                .map_err(|error| Objection::Usage(error.to_string()))?;
            Ok((copies, copy, plugin, given, settings))
        });
        let (copies, copy, plugin, given, settings) = match opened {
            Ok(opened) => opened,
            Err(objection) => return Err((notes, objection)),
        };
        Ok(Self {
            plugin,
            notes,
            given,
            settings: settings.into(),
            woken,
            ids: AtomicU64::new(1),
            copy,
            _copies: copies,
            sanitized: arguments.sanitized,
        })
    }

    /// Loads the plugin once more, as another host in this process would.
    pub(crate) fn open_again(&self) -> Result<Arc<Plugin>, Objection> {
        open(&self.copy, &self.woken, &self.notes)
    }

    /// What `init` is told of the next instance.
    pub(crate) fn parameters(&self) -> InitParameters {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        InitParameters {
            component_id: 1,
            component_count: 1,
            mtu: MTU,
            instance_id: id,
            stream_id: id,
            options: Arc::clone(&self.settings),
        }
    }

    /// Makes a call, and notes which.
    pub(crate) fn call(&self, request: Request, now: u64) -> Completion {
        self.notes.calling(&describe(request.call()));
        request.run(now)
    }

    /// Whether the instance has asked for `on_wake`.
    pub(crate) fn is_woken(&self, instance_id: u64) -> bool {
        self.woken().contains(&instance_id)
    }

    /// The same, and the wish is granted.
    pub(crate) fn take_wake(&self, instance_id: u64) -> bool {
        self.woken().remove(&instance_id)
    }

    fn woken(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the plugin declares this extension, and as required.
    pub(crate) fn extension(&self, id: &str) -> Option<bool> {
        let extensions = &self.plugin.description().extensions;
        let declared = extensions.iter().find(|extension| extension.id == id)?;
        Some(declared.required)
    }

    /// Whether time must be the system's: the plugin reads that clock, or waits for something outside.
    pub(crate) fn in_real_time(&self) -> bool {
        self.plugin.description().own_clock || self.extension("hc.wake/1").is_some()
    }

    /// How often to do what is done `times` times: fewer under a sanitizer.
    pub(crate) fn times(&self, times: u32) -> u32 {
        if self.sanitized {
            times.div_ceil(50)
        } else {
            times
        }
    }
}

fn copy(file: &Path) -> Result<(PrivateCopies, PrivateCopy), Objection> {
    let found = vet(file).map_err(finding)?;
    let copies = PrivateCopies::new().map_err(finding)?;
    let copy = copies.copy(&found).map_err(finding)?;
    Ok((copies, copy))
}

fn open(copy: &PrivateCopy, woken: &Woken, notes: &Notes) -> Result<Arc<Plugin>, Objection> {
    let woken = Arc::clone(woken);
    let services = Services {
        // Taken and dropped: the code that writes key logs runs too.
        keylog: Some(Box::new(|_| ())),
        wake: Box::new(move |id| {
            let mut woken = woken.lock().unwrap_or_else(PoisonError::into_inner);
            woken.insert(id);
        }),
    };
    notes.calling("load, or a constructor of the library");
    Plugin::open(copy, Arc::new(services)).map_err(finding)
}

fn finding(error: impl std::fmt::Display) -> Objection {
    Objection::finding(error.to_string())
}

fn describe(call: &Call) -> String {
    match call {
        Call::Init(..) => "init".to_owned(),
        Call::SetPeer(..) => "set_peer".to_owned(),
        Call::ConnectionReady(_) => "connection_ready".to_owned(),
        Call::RecvFromPeer(_, datagram) => {
            let first = datagram.first().copied().unwrap_or_default();
            format!(
                "recv_from_peer (a datagram of {} bytes, the first {first:#04x})",
                datagram.len()
            )
        }
        Call::OnDeadline(_) => "on_deadline".to_owned(),
        Call::OnWake(_) => "on_wake".to_owned(),
        Call::Close(_) => "close".to_owned(),
    }
}
