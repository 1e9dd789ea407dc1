//! Streams that a program has a daemon open, through its control socket, against those of a program with the library.
use super::figure::{Figure, Target};
use super::processor::cpu_time;
use super::sessions::Sessions;
use super::setup::{NO_HANDSHAKE, Setup};
use super::show;
use super::side::{Side, measure};
use crate::exit::Failed;
use crate::plugin_args::PluginArgs;
use handclasp::plugin::Scratch;
use serde::Deserialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Pairs under way at a time, as many as of the library's. What waits to be read of them fits into a socket's buffer.
const IN_FLIGHT: u64 = 32;
/// How long the daemon may take to start, and to say anything.
const PATIENCE: Duration = Duration::from_secs(40);

/// The rows of it.
pub(super) fn figures(setup: &Setup<'_>) -> Result<Vec<Figure>, Failed> {
    show::progress("streams opened through a control socket, and by the library");
    let mut sessions = Sessions::new(setup.plugins, NO_HANDSHAKE)?;
    let daemon = Daemon::start(setup.plugins);
    let mut control = Control {
        daemon,
        next: 0,
        total: Duration::ZERO,
        of_daemon: Duration::ZERO,
    };
    let measured = measure([&mut control, &mut sessions], setup.time);
    // Each pair is two streams.
    let [all, library] = measured.map(|nanos| nanos.map(|nanos| nanos / 2e3));
    let share = control.of_daemon.as_secs_f64() / control.total.as_secs_f64();
    let of_daemon = all.clone().map(|micros| micros * share);
    let each_second = |micros: &Result<f64, String>| match micros {
        Ok(micros) => format!("{:.0}", 1e6 / micros),
        Err(_) => "none".to_owned(),
    };
    let figure = |name, what, host, target, note| Figure {
        name,
        what,
        unit: "µs of CPU",
        host,
        baseline: Some(library.clone()),
        target: Target::TimesAtMost(target),
        note,
    };
    let what = "streams with plugin none, each opened, connected with another one of the process and stopped, without data";
    Ok(vec![
        figure(
            "open_control",
            "stream opened through the control socket, against the library",
            all.clone(),
            2.0,
            format!(
                "{what}; the daemon and the program that asks it are counted, and on a core of their own would open {} a \
                 second, the library {}",
                each_second(&all),
                each_second(&library)
            ),
        ),
        figure(
            "stream_control",
            "stream of a daemon, against the library",
            of_daemon,
            1.5,
            format!("{what}; the daemon alone is counted, with what it reads and writes"),
        ),
    ])
}

/// A daemon of this command's, and a connection to it. Dropping it kills it.
struct Daemon {
    process: Child,
    output: UnixStream,
    input: BufReader<UnixStream>,
    line: Vec<u8>,
    _place: Scratch,
}

impl Daemon {
    fn start(plugins: &PluginArgs) -> Result<Self, String> {
        let failed = |error: io::Error| format!("no daemon: {error}");
        let place = Scratch::new().map_err(|error| format!("no place for a daemon: {error}"))?;
        let socket = place.path().join("control.sock");
        let path = plugins.search_path().map_err(Failed::into_sentence)?;
        let configuration = configuration(&socket, path.directories().collect()).map_err(failed)?;
        let file = place.path().join("handclasp.toml");
        fs::write(&file, configuration).map_err(failed)?;
        let mut process = Command::new(std::env::current_exe().map_err(failed)?)
            .args(["serve", "--config"])
            .arg(&file)
            .env("HANDCLASP_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let connected = connect(&socket, &mut process);
        let opened = connected.and_then(|output| {
            output.set_read_timeout(Some(PATIENCE))?;
            Ok((output.try_clone()?, output))
        });
        match opened {
            Ok((input, output)) => Ok(Self {
                process,
                output,
                input: BufReader::with_capacity(1 << 16, input),
                line: Vec::new(),
                _place: place,
            }),
            Err(error) => {
                let _ = process.kill(); // it may have ended
                let _ = process.wait();
                Err(failed(error))
            }
        }
    }

    /// The time of processors that it has had, to the hundredth of a second.
    fn cpu_time(&self) -> Result<Duration, String> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let stat = stat.map_err(|error| format!("the daemon has ended: {error}"))?;
        // Its name stands in brackets, and may have spaces; `utime` and `stime` are words 14 and 15.
        let (_, words) = stat.rsplit_once(") ").unwrap_or_default();
        let ticks: u64 = words
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse::<u64>().ok())
            .sum();
        let each = 1.0 / rustix::param::clock_ticks_per_second() as f64;
        Ok(Duration::from_secs_f64(ticks as f64 * each))
    }

    fn write(&mut self, lines: &str) -> Result<(), String> {
        let written = self.output.write_all(lines.as_bytes());
        written.map_err(|error| format!("the daemon does not read: {error}"))
    }

    fn read(&mut self) -> Result<Line<'_>, String> {
        self.line.clear();
        let read = self.input.read_until(b'\n', &mut self.line);
        read.map_err(|error| format!("the daemon says nothing: {error}"))?;
        let line = serde_json::from_slice(&self.line);
        line.map_err(|error| format!("the daemon says what is no event: {error}"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it has nothing to lose
        let _ = self.process.wait();
    }
}

/// What opens as many streams as can be, and nothing else.
fn configuration(socket: &Path, directories: Vec<&Path>) -> io::Result<String> {
    let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let there = directories.into_iter().filter(|it| it.is_dir());
    let directories: Vec<PathBuf> = there.map(Path::to_owned).collect();
    Ok(format!(
        "control.socket = {socket:?}\n\
         listen.port = {port}\n\
         listen.addresses = [\"127.0.0.1\"]\n\
         plugins.directories = {directories:?}\n\
         plugins.default = \"{NO_HANDSHAKE}\"\n\
         plugins.watch = false\n\
         limits.opens-per-second = 1000000\n\
         limits.open-burst = 1000000\n\
         limits.max-lag = \"1min\"\n"
    ))
}

fn connect(socket: &Path, process: &mut Child) -> io::Result<UnixStream> {
    let began = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            Err(_) => {}
            Ok(stream) => return Ok(stream),
        }
        if let Some(status) = process.try_wait()? {
            return Err(io::Error::other(format!("it has ended ({status})")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What matters of what it says.
#[derive(Deserialize)]
struct Line<'a> {
    event: Option<&'a str>,
    stream: Option<&'a str>,
    error: Option<String>,
}

/// A side that is a program which drives a daemon.
struct Control {
    daemon: Result<Daemon, String>,
    /// The number of the next pair.
    next: u64,
    /// The time of processors that was taken in all, and by the daemon.
    total: Duration,
    of_daemon: Duration,
}

impl Side for Control {
    fn run(&mut self, count: u64) -> Result<Duration, String> {
        let daemon = self.daemon.as_mut().map_err(|reason| reason.clone())?;
        let (own, its) = (cpu_time(), daemon.cpu_time()?);
        pass(daemon, self.next, count)?;
        self.next += count;
        let its = daemon.cpu_time()?.saturating_sub(its);
        let total = cpu_time() - own + its;
        self.total += total;
        self.of_daemon += its;
        Ok(total)
    }
}

/// Opens so many pairs from this number on, connects them, and stops them again.
fn pass(daemon: &mut Daemon, first: u64, count: u64) -> Result<(), String> {
    let mut lines = String::new();
    let (mut opened, mut done) = (0, 0);
    // Of each pair: how often its streams were ready, and have stopped.
    let mut pairs: HashMap<u64, (u8, u8)> = HashMap::new();
    while done < count {
        while opened < count && opened - done < IN_FLIGHT {
            let pair = first + opened;
            let _ = write!(
                lines,
                "{{\"request\":\"open\",\"name\":\"a.{pair}\",\"controlling\":true}}\n\
                 {{\"request\":\"open\",\"name\":\"b.{pair}\",\"own_ports\":true}}\n\
                 {{\"request\":\"connect\",\"stream\":\"a.{pair}\",\"peer\":\"b.{pair}\"}}\n"
            );
            opened += 1;
        }
        if !lines.is_empty() {
            daemon.write(&lines)?;
            lines.clear();
        }
        let line = daemon.read()?;
        if let Some(error) = line.error {
            return Err(format!("a stream is not as it was asked for: {error}"));
        }
        let number = line.stream.and_then(|name| name.split_once('.'));
        let Some(pair) = number.and_then(|(_, number)| number.parse().ok()) else {
            continue;
        };
        let (ready, stopped) = pairs.entry(pair).or_default();
        match line.event {
            Some("component_state_ready") => {
                *ready += 1;
                if *ready == 2 {
                    let _ = write!(
                        lines,
                        "{{\"stream\":\"a.{pair}\",\"message\":\"stop\"}}\n\
                         {{\"stream\":\"b.{pair}\",\"message\":\"stop\"}}\n"
                    );
                }
            }
            Some("stopped") => {
                *stopped += 1;
                if *stopped == 2 {
                    pairs.remove(&pair);
                    done += 1;
                }
            }
            Some("component_state_failed") => return Err("a stream has failed".to_owned()),
            _ => {}
        }
    }
    Ok(())
}
