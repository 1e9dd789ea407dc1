//! What is answered.
use crate::control::Connections;
use crate::daemon::{Daemon, silence_of};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// Metrics, health and readiness.
pub(crate) struct Site {
    daemon: Arc<Daemon>,
    connections: Arc<Connections>,
    /// One at a time gathers metrics.
    gathering: Arc<Mutex<()>>,
}

pub(super) type Answer = Response<Full<Bytes>>;

const TEXT: &str = "text/plain; charset=utf-8";
/// What Prometheus reads.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Site {
    pub(crate) fn new(daemon: Arc<Daemon>, connections: Arc<Connections>) -> Self {
        Self {
            daemon,
            connections,
            gathering: Arc::default(),
        }
    }

    /// What to answer to a request for this path. The content of the answer to HEAD is left out by whoever writes it.
    pub(super) async fn answer(&self, method: &Method, path: &str) -> Answer {
        let is_known = matches!(path, "/metrics" | "/healthz" | "/readyz");
        if !is_known {
            let there = "there are /metrics, /healthz and /readyz\n";
            return plain(StatusCode::NOT_FOUND, there);
        }
        if *method != Method::GET && *method != Method::HEAD {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "ask with GET or HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(ALLOW, allowed);
            return answer;
        }
        match path {
            "/metrics" => self.metrics().await,
            "/healthz" => self.health(),
            _ => self.readiness(),
        }
    }

    fn health(&self) -> Answer {
        let stuck = "an event loop has not turned for 2 s: the log says what holds it";
        let reason = match self.daemon.turns() {
            true => self.daemon.silent_predecessor().map(silence_of),
            false => Some(stuck.to_owned()),
        };
        match reason {
            None => plain(StatusCode::OK, "all event loops turn\n"),
            Some(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, reason + "\n"),
        }
    }

    fn readiness(&self) -> Answer {
        match self.daemon.is_draining() {
            false => plain(StatusCode::OK, "streams are opened\n"),
            true => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "no stream is opened any more: the daemon ends once those it has have ended\n",
            ),
        }
    }

    async fn metrics(&self) -> Answer {
        // The next one may begin only once this has ended, also where nobody waits for it any more.
        let turn = Arc::clone(&self.gathering).lock_owned().await;
        let daemon = Arc::clone(&self.daemon);
        let (open, waiting) = (self.connections.open(), self.connections.waiting());
        let gathered = spawn_blocking(move || {
            let text = daemon.metrics(open, waiting);
            drop(turn);
            text
        });
        match gathered.await {
            Ok(Ok(text)) => typed(StatusCode::OK, text, METRICS),
            Ok(Err(error)) => {
                tracing::error!("metrics cannot be written: {error}");
                let sentence = format!("metrics cannot be written: {error}\n");
                plain(StatusCode::INTERNAL_SERVER_ERROR, sentence)
            }
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the daemon ends\n"),
        }
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    typed(status, text, TEXT)
}

fn typed(status: StatusCode, text: impl Into<Bytes>, content_type: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
