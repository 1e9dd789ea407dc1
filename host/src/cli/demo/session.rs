//! The course of the demo.
use super::Demo;
use super::peer::{Report, Reporter, What};
use super::show::{Line, Show};
use crate::cli::exit::Failed;
use crate::cli::signalling::{Side, signal};
use crate::cli::srtp_keys::SrtpKeys;
use handclasp::stream::{Message, Notification};
use handclasp::trace::TraceFile;
use handclasp::{Gathering, Host, HostOptions, Loss, StreamHandle, StreamOptions};
use std::net::Ipv4Addr;
use std::num::NonZero;
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
    show: Show,
    /// After the streams, which are its own.
    _host: Host,
    /// After all that it is about.
    _trace: Option<TraceFile>,
}

/// How far a component has come, side by side.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) sides: [SideProgress; 2],
}

#[derive(Debug, Default)]
pub(super) struct SideProgress {
    pub(super) selected: Option<Duration>,
    pub(super) finished: Option<Duration>,
    pub(super) keys: Option<Keys>,
    pub(super) received: u32,
    last: Option<Instant>,
}

type Keys = zeroize::Zeroizing<Vec<u8>>;

/// How long after the last datagram one is counted as lost.
const LATE: Duration = Duration::from_secs(1);
/// After this long without an event a person is told that the demo goes on.
const SILENCE: Duration = Duration::from_secs(2);

impl Session {
    pub(super) fn start(demo: &Demo) -> Result<Self, Failed> {
        let host = Host::new(HostOptions {
            plugins: demo.plugins.search_path()?,
            loops: NonZero::new(2),
            key_log: demo.key_log.open()?,
        })?;
        let trace = demo.trace.open()?;
        let (sender, reports) = channel();
        let started = Instant::now();
        let servers = demo.servers.servers()?;
        // A server elsewhere cannot be asked from the loopback interface.
        let addresses = match demo.servers.is_empty() {
            true => vec![Ipv4Addr::LOCALHOST.into()],
            false => Vec::new(),
        };
        let gathering = demo.tcp.apply(Gathering {
            addresses,
            ..Gathering::default()
        });
        let open = |side: Side| {
            let plugin = match side {
                Side::A => &demo.plugin,
                Side::B => demo.peer_plugin.as_ref().unwrap_or(&demo.plugin),
            };
            let plugin_options = match side {
                Side::B if !demo.peer_options.is_empty() => &demo.peer_options,
                _ => &demo.options,
            };
            let options = StreamOptions {
                plugin: plugin.clone(),
                plugin_options: plugin_options.clone(),
                n_components: demo.components,
                controlling: side.leads(),
                gathering: match side {
                    Side::A => gathering.clone(),
                    Side::B => Gathering {
                        tcp: gathering.tcp.counterpart(),
                        ..gathering.clone()
                    },
                },
                servers: servers.clone(),
                hide_addresses: demo.hide_addresses,
                turn_ca: demo.servers.turn_ca(),
                loss: (demo.loss > 0.0).then(|| {
                    Loss::new(
                        demo.loss,
                        demo.seed.wrapping_mul(2) + u64::from(side.leads()),
                    )
                }),
                recorder: trace.as_ref().map(|trace| trace.recorder(side.as_str())),
                handshake_timeout: Duration::from_secs(demo.handshake_timeout),
                listen: true,
                ..StreamOptions::default()
            };
            host.open(
                options,
                Box::new(Reporter {
                    side,
                    reports: sender.clone(),
                }),
            )
        };
        let streams = [open(Side::A)?, open(Side::B)?];
        let show = Show::new(demo.json, [streams[0].plugin(), streams[1].plugin()]);
        Ok(Self {
            started,
            reports,
            components: (0..demo.components).map(|_| Progress::default()).collect(),
            datagrams: demo.datagrams,
            lossy: demo.loss > 0.0,
            prepared: [false; 2],
            unusable: false,
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
        while problem.is_none() && !self.is_done() {
            let now = Instant::now();
            if now >= give_up {
                problem = Some(format!("it was not done after {} s", patience.as_secs()));
                break;
            }
            let wait = if self.is_shaken() { LATE / 10 } else { SILENCE };
            match self.reports.recv_timeout(wait.min(give_up - now)) {
                Ok(report) => problem = self.take(report),
                Err(_) if !self.is_shaken() => self.show.waiting(self.started.elapsed()),
                Err(_) => {}
            }
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
            stream.send(Message::Stop);
        }
        let give_up = Instant::now() + LATE;
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
                Notification::Warning { warning: reason }
                | Notification::ComponentStateFailed { reason, .. } => {
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
            } => self.count(at, side, component_id, &payload),
            What::Refused(refused) => Some(format!("{}: {refused}", side.as_str())),
            What::Notification(notification) => {
                if let Some(message) = signal(side, &notification) {
                    self.streams[side.other() as usize].send(message);
                }
                self.show
                    .line(after, side, &Line::Notification(&notification));
                self.note(after, side, notification)
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
            Ok(profile) => {
                self.show.line(
                    after,
                    Side::A,
                    &Line::KeysMatch {
                        component_id,
                        profile,
                    },
                );
                self.send_datagrams(component_id);
                None
            }
            Err(difference) => Some(format!(
                "component {component_id}: {difference}; do not trust plugin {}, and tell its author",
                plugin.id()
            )),
        }
    }

    fn send_datagrams(&self, component_id: u16) {
        for side in Side::BOTH {
            for number in 0..self.datagrams {
                let payload = payload(side, component_id, number);
                self.streams[side as usize]
                    .outbox()
                    .send(component_id, &payload);
            }
        }
    }

    fn count(
        &mut self,
        at: Instant,
        side: Side,
        component_id: u16,
        datagram: &[u8],
    ) -> Option<String> {
        let expected = datagram
            .get(4..8)
            .and_then(|number| number.try_into().ok())
            .map(u32::from_be_bytes);
        let intact =
            expected.is_some_and(|number| payload(side.other(), component_id, number) == datagram);
        let progress = self.progress(component_id, side);
        progress.received += 1;
        progress.last = Some(at);
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
        let sides = || self.components.iter().flat_map(|c| &c.sides);
        let all_arrived = sides().all(|side| side.received >= self.datagrams);
        let last = sides()
            .filter_map(|side| {
                side.last
                    .or(side.finished.map(|after| self.started + after))
            })
            .max();
        self.is_shaken() && (all_arrived || last.is_some_and(|last| last.elapsed() > LATE))
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

/// Whether two sides agreed on the same. Returns the profile, where the format names one.
fn keys_match(format: Option<&str>, a: &[u8], b: &[u8]) -> Result<Option<&'static str>, String> {
    if format != Some("srtp-keys") {
        return if a == b {
            Ok(None)
        } else {
            Err("the two sides' handshake data differ".to_owned())
        };
    }
    let (a, b) = (SrtpKeys::parse(a), SrtpKeys::parse(b));
    match (a, b) {
        (Some(a), Some(b)) if a.profile() != b.profile() => {
            Err("the two sides' SRTP profiles differ".to_owned())
        }
        (Some(a), Some(b)) if a.mirrors(b) => Ok(Some(a.profile_name())),
        (Some(_), Some(_)) => Err("the two sides' keys differ".to_owned()),
        _ => Err("a side's handshake data are no srtp-keys".to_owned()),
    }
}
