//! Debian's Prometheus, which scrapes a daemon.
use crate::skip::{Lacking, need};
use crate::{await_that, http};
use serde_json::Value;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A server of its own, on loopback. Dropping it kills it.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    address: SocketAddr,
    place: TempDir,
}

impl Prometheus {
    /// One that scrapes this address again and again, many times a second.
    ///
    /// # Errors
    /// It is not installed.
    pub fn start(target: SocketAddr) -> Result<Self, Lacking> {
        need("prometheus", "prometheus")?;
        let place = tempfile::tempdir().expect("there is room");
        let config = place.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\n\
             scrape_configs: [{{job_name: handclasp, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
        );
        fs::write(&config, text).expect("there is room");
        let address = free_tcp_address();
        let log = fs::File::create(place.path().join("log")).expect("there is room");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                place.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it was just run");
        let mut prometheus = Self {
            process,
            address,
            place,
        };
        await_that("Prometheus is ready", || {
            let ended = prometheus.process.try_wait().expect("it is a child");
            assert_eq!(ended, None, "{}", prometheus.log());
            http::get(address, "/-/ready").is_some_and(|answer| answer.status == 200)
        });
        Ok(prometheus)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }

    /// The values that an expression has now, one for each series.
    ///
    /// # Panics
    /// It is no expression.
    pub fn query(&self, expression: &str) -> Vec<f64> {
        let encoded: String = expression
            .bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect();
        let Some(answer) = http::get(self.address, &format!("/api/v1/query?query={encoded}"))
        else {
            return Vec::new();
        };
        let answer: Value = serde_json::from_str(&answer.body).expect("it is JSON");
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let series = answer["data"]["result"].as_array().cloned();
        let value = |series: Value| series["value"][1].as_str()?.parse().ok();
        series
            .unwrap_or_default()
            .into_iter()
            .filter_map(value)
            .collect()
    }

    /// Waits until an expression has one series with a value of which this holds.
    #[track_caller]
    pub fn await_value(&self, expression: &str, is_so: impl Fn(f64) -> bool) {
        await_that(expression, || match self.query(expression)[..] {
            [value] => is_so(value),
            _ => false,
        });
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

/// An address for TCP on loopback that nobody has at the moment.
pub fn free_tcp_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports left");
    listener.local_addr().expect("it is bound")
}
