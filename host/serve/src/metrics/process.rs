//! The process, as the system has it. The names are those that Prometheus' own libraries use.
use super::registrar::Registrar;
use prometheus::{CounterVec, GaugeVec};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) struct ProcessMetrics {
    cpu: CounterVec,
    resident: GaugeVec,
    threads: GaugeVec,
    open_files: GaugeVec,
    max_files: GaugeVec,
}

impl ProcessMetrics {
    pub(super) fn new(registrar: &mut Registrar) -> Self {
        let start = registrar.gauge(
            "process_start_time_seconds",
            "When the daemon was started, in seconds since 1970.",
            &[],
        );
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs_f64();
        start.with_label_values::<&str>(&[]).set(now);
        Self {
            cpu: registrar.seconds(
                "process_cpu_seconds_total",
                "Time of processors that the daemon has used, its own and the system's for it.",
                &[],
            ),
            resident: registrar.gauge(
                "process_resident_memory_bytes",
                "Memory of the machine's that the daemon uses.",
                &[],
            ),
            threads: registrar.gauge("process_threads", "Threads of the daemon.", &[]),
            open_files: registrar.gauge("process_open_fds", "Open file descriptors.", &[]),
            max_files: registrar.gauge(
                "process_max_fds",
                "Most file descriptors that the system allows.",
                &[],
            ),
        }
    }

    pub(super) fn observe(&self) {
        let set = |gauge: &GaugeVec, value: Option<u64>| {
            if let Some(value) = value {
                gauge.with_label_values::<&str>(&[]).set(value as f64);
            }
        };
        let status = fs::read_to_string("/proc/self/stat").ok();
        let status = status.as_deref().and_then(Status::of);
        set(&self.resident, status.map(|it| it.resident));
        set(&self.threads, status.map(|it| it.threads));
        set(&self.open_files, open_files());
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        set(&self.max_files, limit.current);
        if let Some(status) = status {
            let cpu = self.cpu.with_label_values::<&str>(&[]);
            cpu.inc_by((status.cpu - cpu.get()).max(0.0));
        }
    }
}

/// What the system has in one line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Status {
    cpu: f64,
    threads: u64,
    /// In bytes.
    resident: u64,
}

impl Status {
    /// Of a line as `/proc/self/stat`.
    fn of(line: &str) -> Option<Self> {
        // The second field is the program's name in brackets, and may have anything in it.
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = number(14)? + number(15)?;
        let page = rustix::param::page_size() as u64;
        Some(Self {
            cpu: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
            threads: number(20)?,
            resident: number(24)?.saturating_mul(page),
        })
    }
}

/// How many there are: newer systems say so at once, with others they are counted.
fn open_files() -> Option<u64> {
    const PLACE: &str = "/proc/self/fd";
    match fs::metadata(PLACE).ok()?.len() {
        0 => Some((fs::read_dir(PLACE).ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_understood() {
        let line = "7 (a) b) S 1 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 9 0 5 1000 3 18446744073709551615 0";
        let status = Status::of(line).expect("it is whole");
        let page = rustix::param::page_size() as u64;
        assert_eq!((status.threads, status.resident), (9, 3 * page));
        assert!(status.cpu > 0.0);
        assert_eq!(Status::of("7 (a) S 1 2"), None);
        assert_eq!(Status::of(""), None);
        assert!(open_files().is_some_and(|count| count >= 3));
    }
}
