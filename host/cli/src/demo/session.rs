//! The course of the demo.
use super::Demo;
use super::peer::{Report, Reporter, What};
use super::progress::{Progress, SideProgress};
use super::show::{Line, Show};
use crate::exit::Failed;
#[cfg(unix)]
use crate::interrupt;
use crate::signalling::{Side, signal};
use crate::srtp_keys::SrtpKeys;
use crate::stdio;
use crate::trace_args::begin;
use handclasp::plugin::Scanner;
use handclasp::stream::{Message, Notification};
use handclasp::trace::TraceFile;
use handclasp::{BindOptions, Host, HostOptions, Loss, SendError, StreamHandle, StreamOptions};
use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Two streams, and what is known of them.
pub(super) struct Session {
    started: Instant,
    reports: Receiver<Report>,
    streams: [StreamHandle; 2],
    components: Vec<Progress>,
    datagrams: u32,
    /// Datagrams may go missing without that being a failure.
    lossy: bool,
    /// Which sides have come through `init`: credentials follow the last one.
    prepared: [bool; 2],
    /// The demo failed because a plugin's `init` did.
    unusable: bool,
    /// A signal has ended it.
    interrupted: bool,
    show: Show,
    /// After the streams, which are its own.
    _host: Host,
    /// After all that it is about.
    _trace: Option<TraceFile>,
}

/// How many datagrams of a side may be under way: few enough for the smallest receive buffer of a
/// socket, so that a machine with much else to do loses none.
const WINDOW: u32 = 64;
/// After so long without a report what is under way counts as lost, and more is sent.
const QUIET: Duration = Duration::from_millis(100);
/// After so many of them in a row all that is missing counts as lost: a process that stood still has one.
const LATE: u32 = 10;
/// How long both sides may take to stop.
const PARTING: Duration = Duration::from_secs(10);
/// After this long without an event a person is told that the demo goes on.
const SILENCE: Duration = Duration::from_secs(2);

impl Session {
    pub(super) fn start(demo: &Demo) -> Result<Self, Failed> {
        let host_options = HostOptions::new(demo.plugins.search_path()?)
            .scanner(Scanner::this_program())
            .loops(2)
            .key_log(demo.key_log.open()?);
        let host = Host::new(host_options)?;
        let mut trace = demo.trace.prepare()?;
        let (sender, reports) = channel();
        let started = Instant::now();
        let servers = demo.servers.servers()?;
        // A server elsewhere cannot be asked from the loopback interface.
        let bind_options = match demo.servers.is_empty() {
            true => BindOptions::new().address(Ipv4Addr::LOCALHOST),
            false => BindOptions::new(),
        };
        let open = |side: Side| {
            let plugin = match side {
                Side::A => &demo.plugin,
                Side::B => demo.peer_plugin.as_ref().unwrap_or(&demo.plugin),
            };
            let given = match side {
                Side::A => demo.options.clone(),
                Side::B => demo.peer_options.or(&demo.options),
            };
            let declared = host.plugin(plugin)?;
            let plugin_options = given.of(&declared.description().options)?;
            let tcp = match side {
                Side::A => demo.tcp,
                Side::B => demo.tcp.counterpart(),
            };
            let loss = (demo.loss > 0.0).then(|| {
                let seed = demo.seed.wrapping_mul(2) + u64::from(side.leads());
                Loss::new(demo.loss, seed)
            });
            let options = StreamOptions::new(plugin)
                .plugin_options(plugin_options)
                .components(demo.components)
                .controlling(side.leads())
                .bind(tcp.apply(bind_options.clone()))
                .servers(servers.clone())
                .hide_addresses(demo.hide_addresses)
                .turn_ca(demo.servers.turn_ca())
                .loss(loss)
                .recorder(trace.as_ref().map(|trace| trace.recorder(side.as_str())))
                .handshake_timeout(Duration::from_secs(demo.handshake_timeout));
            let reporter = Reporter {
                side,
                reports: sender.clone(),
            };
            Ok::<_, Failed>(host.open(options, Box::new(reporter))?)
        };
        stdio::claim().map_err(Failed::new)?;
        let mut mapped = Vec::new();
        for id in [Some(&demo.plugin), demo.peer_plugin.as_ref()]
            .into_iter()
            .flatten()
        {
            mapped.push(host.plugin(id)?);
            stdio::restore().map_err(Failed::new)?;
        }
        let streams = [open(Side::A)?, open(Side::B)?];
        begin(&mut trace)?;
        #[cfg(unix)]
        interrupt::stop_with(move || {
            // The demo may have ended.
            let _ = sender.send(Report {
                at: Instant::now(),
                side: Side::A,
                what: What::Interrupted,
            });
        });
        let show = Show::new(demo.json, [streams[0].plugin(), streams[1].plugin()]);
        Ok(Self {
            started,
            reports,
            components: (0..demo.components).map(|_| Progress::default()).collect(),
            datagrams: demo.datagrams,
            lossy: demo.loss > 0.0,
            prepared: [false; 2],
            unusable: false,
            interrupted: false,
            show,
            streams,
            _host: host,
            _trace: trace,
        })
    }

    /// Takes reports until all is done, or time is up.
    pub(super) fn run(mut self, patience: Duration) -> Result<(), Failed> {
        self.show.start();
        let give_up = self.started + patience;
        let mut problem = None;
        let mut quiet = 0;
        while problem.is_none() && !self.is_done() && quiet < LATE {
            let now = Instant::now();
            if now >= give_up {
                problem = Some(format!("it was not done after {} s", patience.as_secs()));
                break;
            }
            let wait = if self.is_shaken() { QUIET } else { SILENCE };
            match self.reports.recv_timeout(wait.min(give_up - now)) {
                Ok(report) => {
                    quiet = 0;
                    problem = self.take(report);
                }
                Err(_) if !self.is_shaken() => self.show.waiting(self.started.elapsed()),
                Err(_) => {
                    quiet += 1;
                    self.send_on();
                }
            }
        }
        if self.interrupted {
            let _ = self.part();
        }
        let problem = problem.or_else(|| self.verdict());
        let problem = problem.or_else(|| self.part());
        let total = self.started.elapsed();
        self.show
            .done(&self.components, self.datagrams, total, problem.as_deref());
        match problem {
            None => Ok(()),
            Some(problem) if self.unusable => Err(Failed::plugin(problem)),
            Some(problem) => Err(Failed::new(problem)),
        }
    }

    /// Lets both sides say goodbye; a sentence if one of them cannot.
    fn part(&self) -> Option<String> {
        for stream in &self.streams {
            if let Err(error) = stream.send(Message::Stop) {
                return Some(error.to_string());
            }
        }
        let give_up = Instant::now() + PARTING;
        let mut left = self.streams.len();
        while left > 0 {
            let patience = give_up.saturating_duration_since(Instant::now());
            let Ok(Report { at, side, what }) = self.reports.recv_timeout(patience) else {
                return Some("a side did not stop when it was told to".to_owned());
            };
            let What::Notification(notification) = what else {
                continue;
            };
            let line = Line::Notification(&notification);
            self.show.line(at - self.started, side, &line);
            match notification {
                Notification::Stopped => left -= 1,
                Notification::Warning { warning } => {
                    return Some(format!("{}: {warning}", side.as_str()));
                }
                Notification::ComponentStateFailed { reason, .. } => {
                    return Some(format!("{}: {reason}", side.as_str()));
                }
                _ => {}
            }
        }
        None
    }

    /// Takes one report in; a sentence if it means that the demo has failed.
    fn take(&mut self, Report { at, side, what }: Report) -> Option<String> {
        let after = at - self.started;
        match what {
            What::Payload {
                component_id,
                payload,
            } => self.count(side, component_id, &payload),
            What::Refused(refused) => Some(format!("{}: {refused}", side.as_str())),
            What::Interrupted => {
                self.interrupted = true;
                Some("it was interrupted by a signal".to_owned())
            }
            What::Notification(notification) => {
                let told = match signal(side, &notification) {
                    Some(message) => self.streams[side.other() as usize].send(message),
                    None => Ok(()),
                };
                self.show
                    .line(after, side, &Line::Notification(&notification));
                let problem = self.note(after, side, notification);
                problem.or_else(|| told.err().map(|error| error.to_string()))
            }
        }
    }

    fn note(&mut self, after: Duration, side: Side, notification: Notification) -> Option<String> {
        match notification {
            Notification::LocalCredentials { .. } => {
                self.prepared[side as usize] = true;
                None
            }
            Notification::NewSelectedPair { component_id, .. } => {
                self.progress(component_id, side)
                    .selected
                    .get_or_insert(after);
                None
            }
            Notification::ComponentStateReady { component_id, data } => {
                let progress = self.progress(component_id, side);
                progress.finished = Some(after);
                progress.keys = Some(data);
                self.compare(after, component_id)
            }
            Notification::ComponentStateFailed {
                component_id,
                reason,
            } => {
                self.unusable = !self.prepared[side as usize];
                let side = side.as_str();
                Some(format!("{side}: component {component_id} failed: {reason}"))
            }
            Notification::ComponentClosed { component_id, .. } => Some(format!(
                "{}: component {component_id} was closed",
                side.as_str()
            )),
            Notification::CouldNotSendPayload {
                component_id,
                reason,
            } => Some(format!(
                "{}: component {component_id} could not send: {reason}",
                side.as_str()
            )),
            _ => None,
        }
    }

    fn progress(&mut self, component_id: u16, side: Side) -> &mut SideProgress {
        &mut self.components[usize::from(component_id) - 1].sides[side as usize]
    }

    /// Once both sides have finished, their keys must be each other's; then the datagrams go.
    fn compare(&mut self, after: Duration, component_id: u16) -> Option<String> {
        let index = usize::from(component_id) - 1;
        let [a, b] = &self.components[index].sides;
        let (Some(a), Some(b)) = (&a.keys, &b.keys) else {
            return None;
        };
        let plugin = self.streams[0].plugin();
        let format = plugin.description().handshake_data_type.as_deref();
        match keys_match(format, a, b) {
            Ok(agreement) => {
                let line = match agreement {
                    Agreement::Keys(profile) => Line::KeysMatch {
                        component_id,
                        profile: Some(profile),
                    },
                    Agreement::Same => Line::KeysMatch {
                        component_id,
                        profile: None,
                    },
                    Agreement::Own => Line::DataDiffer { component_id },
                };
                self.show.line(after, Side::A, &line);
                for side in Side::BOTH {
                    self.send_up_to(WINDOW, side, component_id);
                }
                None
            }
            Err(difference) => Some(format!(
                "component {component_id}: {difference}; do not trust plugin {}, and tell its author",
                plugin.id()
            )),
        }
    }

    /// A window of datagrams more from each side, whatever has arrived of those before.
    fn send_on(&mut self) {
        for component_id in (1..).take(self.components.len()) {
            for side in Side::BOTH {
                let sent = self.progress(component_id, side).sent;
                self.send_up_to(sent.saturating_add(WINDOW), side, component_id);
            }
        }
    }

    /// Sends those that are numbered below `end` and not sent yet.
    fn send_up_to(&mut self, end: u32, side: Side, component_id: u16) {
        let end = end.min(self.datagrams);
        let sent = &mut self.progress(component_id, side).sent;
        let numbers = *sent..end;
        *sent = end.max(*sent);
        for number in numbers {
            let payload = payload(side, component_id, number);
            let stream = &self.streams[side as usize];
            while stream.send_payload(component_id, &payload) == Err(SendError::Full) {
                // Where the stream has ended meanwhile, its notifications say so.
                let _ = stream.flush();
            }
        }
    }

    fn count(&mut self, side: Side, component_id: u16, datagram: &[u8]) -> Option<String> {
        let expected = datagram
            .get(4..8)
            .and_then(|number| number.try_into().ok())
            .map(u32::from_be_bytes);
        let intact =
            expected.is_some_and(|number| payload(side.other(), component_id, number) == datagram);
        let progress = self.progress(component_id, side);
        progress.received += 1;
        if let (true, Some(number)) = (intact, expected) {
            let end = number.saturating_add(1 + WINDOW);
            self.send_up_to(end, side.other(), component_id);
        }
        (!intact).then(|| {
            format!(
                "{}: component {component_id} received a datagram nobody sent",
                side.as_str()
            )
        })
    }

    fn is_shaken(&self) -> bool {
        self.components
            .iter()
            .flat_map(|c| &c.sides)
            .all(|side| side.finished.is_some())
    }

    fn is_done(&self) -> bool {
        let mut sides = self.components.iter().flat_map(|c| &c.sides);
        self.is_shaken() && sides.all(|side| side.received >= self.datagrams)
    }

    fn verdict(&self) -> Option<String> {
        let received: u32 = self
            .components
            .iter()
            .flat_map(|c| &c.sides)
            .map(|side| side.received)
            .sum();
        let sent = self.datagrams * 2 * u32::try_from(self.components.len()).unwrap_or(u32::MAX);
        (received < sent && !self.lossy)
            .then(|| format!("{} of {sent} datagrams were lost", sent - received))
    }
}

/// What a side sends: who, where, which.
fn payload(side: Side, component_id: u16, number: u32) -> [u8; 12] {
    let mut payload = *b"\x80\0\0\0\0\0\0\0demo";
    payload[1] = side as u8;
    payload[2..4].copy_from_slice(&component_id.to_be_bytes());
    payload[4..8].copy_from_slice(&number.to_be_bytes());
    payload
}

/// What two sides have agreed on.
enum Agreement {
    /// Keys of this SRTP profile.
    Keys(&'static str),
    /// The same bytes.
    Same,
    /// Whatever it is: the format is the plugin's own, and each side may have its own view.
    Own,
}

/// Compares what two sides have agreed on.
///
/// # Errors
/// How it differs, if that is a fault.
fn keys_match(format: Option<&str>, a: &[u8], b: &[u8]) -> Result<Agreement, String> {
    if format != Some("srtp-keys") {
        return Ok(if a == b {
            Agreement::Same
        } else {
            Agreement::Own
        });
    }
    let (a, b) = (SrtpKeys::parse(a), SrtpKeys::parse(b));
    match (a, b) {
        (Some(a), Some(b)) if a.profile() != b.profile() => {
            Err("the two sides' SRTP profiles differ".to_owned())
        }
        (Some(a), Some(b)) if a.mirrors(b) => Ok(Agreement::Keys(a.profile_name())),
        (Some(_), Some(_)) => Err("the two sides' keys differ".to_owned()),
        _ => Err("a side's handshake data are no srtp-keys".to_owned()),
    }
}
