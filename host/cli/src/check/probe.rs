//! What a check has of a plugin: loaded, and called with an eye on it.
use super::budget::{self, Budget};
use super::heard::Heard;
use super::invented;
use super::ladder::Recording;
use super::meter::{ENOUGH, Meter, REMEDY};
use super::notes::Notes;
use super::outcome::{Checked, Objection};
use crate::option_args::add_secrets;
use clap::Args;
use handclasp::plugin::{
    Call, Completion, InProcess, InitParameters, OptionKind, OptionSpec, Plugin, PrivateCopies,
    PrivateCopy, Request, Services, lent, validate, vet,
};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One check of `handclasp check`, which starts this command for each.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct RunCheck {
    pub(super) name: String,
    file: PathBuf,
    /// Where the verdict is expected
    #[arg(long)]
    pub(super) notes: PathBuf,
    /// Where the plugin's options are
    #[arg(long)]
    options: PathBuf,
    #[arg(long)]
    seed: u64,
    /// Make each forged datagram anew this many times, however long that takes
    #[arg(long)]
    rounds: Option<u32>,
    /// A sanitizer watches this process: do less of everything
    #[arg(long)]
    pub(super) sanitized: bool,
}

/// A loaded plugin, and what calls into it need.
pub(crate) struct Probe {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) notes: Notes,
    pub(crate) recording: Recording,
    pub(crate) meter: Meter,
    /// What the plugin said, for a check that listens.
    pub(crate) heard: Heard,
    /// Of this check alone: for whatever it writes.
    pub(crate) directory: PathBuf,
    /// Decides what the network does, and what noise consists of.
    pub(crate) seed: u64,
    /// How often each forged datagram is made anew, if that was asked for.
    pub(crate) rounds: Option<u32>,
    /// As given on the command line, and made up where something was missing.
    pub(crate) given: Vec<(String, String)>,
    /// Validated, with defaults.
    settings: Settings,
    woken: Woken,
    services: Arc<Services>,
    ids: AtomicU64,
    copy: PrivateCopy,
    /// Keeps the copy's file, so that opening it again finds the same image.
    _copies: PrivateCopies,
    pub(crate) sanitized: bool,
}

/// Options as an instance gets them.
pub(crate) type Settings = Arc<[(String, String)]>;

/// The instances that have asked for `on_wake`.
type Woken = Arc<Mutex<HashSet<u64>>>;

/// Bytes of UDP payload a packet may have: what a host tells a plugin on an ordinary path.
pub(crate) const MTU: u16 = 1200;
/// What was done wrong with lent memory, in a check's directory.
pub(super) const LENT: &str = "lent";

impl Probe {
    /// Loads the plugin, and first, if it `reloads`, loads and unloads it.
    pub(super) fn open(
        arguments: &RunCheck,
        notes: Notes,
        recording: Recording,
        heard: Heard,
        reloads: bool,
    ) -> Result<Self, (Notes, Objection)> {
        let woken = Woken::default();
        let services = services(&woken, &heard);
        let opened = copy(&arguments.file).and_then(|(copies, copy)| {
            if reloads {
                drop(open(&copy, &services, &notes)?);
            }
            let plugin = open(&copy, &services, &notes)?;
            let specs = &plugin.description().options;
            let mut given = read_options(&arguments.options)?;
            add_secrets(&mut given, specs).map_err(|_| {
                Objection::Usage("a secret option in the environment is not UTF-8".to_owned())
            })?;
            let given = invented::complete(specs, &given, &arguments.notes).map_err(|error| {
                Objection::Usage(format!("no file can be made for an option: {error}"))
            })?;
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
            recording,
            meter: Meter::new(arguments.sanitized),
            heard,
            directory: arguments.notes.clone(),
            seed: arguments.seed,
            rounds: arguments.rounds,
            given,
            settings: settings.into(),
            woken,
            services,
            ids: AtomicU64::new(1),
            copy,
            _copies: copies,
            sanitized: arguments.sanitized,
        })
    }

    /// Loads the plugin once more, as another host in this process would.
    pub(crate) fn open_again(&self) -> Result<Arc<Plugin>, Objection> {
        open(&self.copy, &self.services, &self.notes)
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

    /// What is given to an instance, with another value of one option; nothing if the host refuses that.
    pub(crate) fn with_option(&self, key: &str, value: &str) -> Option<Settings> {
        let mut given = self.given.clone();
        given.retain(|(given, _)| given != key);
        given.push((key.to_owned(), value.to_owned()));
        let specs = &self.plugin.description().options;
        let settings = validate(self.plugin.id(), specs, &given);
        settings.ok().map(Settings::from)
    }

    /// The same, with a value that stands for these bytes: a file, if the option takes one, has them in it.
    pub(crate) fn with_meaning(&self, spec: &OptionSpec, bytes: Vec<u8>) -> Option<Settings> {
        let value = match spec.kind {
            OptionKind::File => invented::file(&bytes, &self.directory).ok()?,
            _ => String::from_utf8(bytes).ok()?,
        };
        self.with_option(&spec.key, &value)
    }

    /// What the value stands for that this option has in this check, if it has one.
    pub(crate) fn meaning(&self, spec: &OptionSpec) -> Option<Vec<u8>> {
        let (_, value) = self.given.iter().find(|(key, _)| *key == spec.key)?;
        Some(invented::meaning(spec.kind, value))
    }

    /// Makes a call of one of these instances.
    pub(crate) fn call(&self, calls: &mut InProcess, request: Request, now: u64) -> Completion {
        let name = request.call.name().as_str();
        let what = describe(&request.call, self.plugin.inspects());
        let completion = self.calling(name, &what, || calls.run(request, now));
        self.heard.add(&completion);
        completion
    }

    /// Makes a call of this name into the plugin, notes what it is, and measures it.
    pub(crate) fn calling<T>(&self, name: &'static str, what: &str, call: impl FnOnce() -> T) -> T {
        self.notes.calling(what);
        let (answer, too_long) = self.meter.measure(name, call);
        if let Some(wait) = too_long {
            let wait = wait.as_millis();
            let verdict = Err(Objection::finding(format!(
                "{ENOUGH} calls have slept until something happened elsewhere, the last, {name}, for {wait} ms"
            ))
            .remedied(REMEDY));
            // What is left to do would take too long. Without a verdict this is the end of a process in a call.
            let _ = self.notes.conclude(&verdict);
            process::exit(0);
        }
        answer
    }

    /// Lends the plugin only copies from now on, behind which nothing can be reached nor, if it `takes_back`, they
    /// themselves once the call has returned; false where the system has no means for that.
    pub(crate) fn guard_lent_memory(&self, takes_back: bool) -> bool {
        let report = File::create(self.directory.join(LENT));
        report
            .and_then(|report| lent::guard(report, takes_back))
            .is_ok()
    }

    /// One of so many parts of the time that this check may spend on what it repeats.
    pub(crate) fn budget(&self, parts: usize) -> Budget {
        Budget::part(parts, self.sanitized)
    }

    /// Does something, and returns the time of a processor that it took this process: unlike time, no more on a busy
    /// machine, and nothing while it waits. Nothing under a sanitizer, which makes everything slow.
    pub(crate) fn cost_of(&self, work: impl FnOnce() -> Checked) -> Result<Duration, Objection> {
        if self.sanitized {
            return work().map(|()| Duration::ZERO);
        }
        let before = budget::worked();
        work().map(|()| budget::worked() - before)
    }

    /// How often to do what is done `times` times, where it takes so long each time.
    pub(crate) fn affordable(&self, times: u32, each: Duration) -> u32 {
        self.times(times)
            .min(budget::affordable(each, self.sanitized))
    }

    /// Gives what the plugin has logged time to arrive.
    pub(crate) fn finish_log(&self) {
        if let Some(log) = &self.services.log {
            log.finish(Duration::from_secs(2));
        }
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

/// As [`Children`](super::child::Children) has written them.
fn read_options(file: &Path) -> Result<Vec<(String, String)>, Objection> {
    let read = std::fs::read(file).and_then(|json| Ok(serde_json::from_slice(&json)?));
    read.map_err(|error| Objection::skip(format!("its options cannot be read ({error})")))
}

fn copy(file: &Path) -> Result<(PrivateCopies, PrivateCopy), Objection> {
    let found = vet(file).map_err(finding)?;
    // On disk, where debuggers and sanitizers read it, too.
    let copies = PrivateCopies::on_disk();
    let copy = copies.copy(&found).map_err(finding)?;
    Ok((copies, copy))
}

fn services(woken: &Woken, heard: &Heard) -> Arc<Services> {
    let woken = Arc::clone(woken);
    Arc::new(Services {
        log: heard.log(),
        // Taken and dropped: the code that writes key logs runs too.
        keylog: Some(Box::new(|_| ())),
        wake: Box::new(move |id| {
            let mut woken = woken.lock().unwrap_or_else(PoisonError::into_inner);
            woken.insert(id);
        }),
        reveal: heard.listens(),
        measure: false,
    })
}

fn open(
    copy: &PrivateCopy,
    services: &Arc<Services>,
    notes: &Notes,
) -> Result<Arc<Plugin>, Objection> {
    notes.calling("load, or a constructor of the library");
    Plugin::open(copy, services).map_err(finding)
}

fn finding(error: impl std::fmt::Display) -> Objection {
    Objection::finding(error.to_string())
}

/// A call, and what goes before it, for one who looks for what has ended this process.
fn describe(call: &Call, inspects: bool) -> String {
    let Call::RecvFromPeer(datagram) = call else {
        return call.name().as_str().to_owned();
    };
    let first = datagram.first().copied().unwrap_or_default();
    let asked = if inspects { "is_handshake, or " } else { "" };
    format!(
        "{asked}recv_from_peer (a datagram of {} bytes, the first {first:#04x})",
        datagram.len()
    )
}
