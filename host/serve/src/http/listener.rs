//! Who is answered: so many at once, for so long, with one request each.
use super::site::{Answer, Site};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Most connections at once. One more ends the oldest: who comes for metrics is gone within milliseconds.
const MAX_CONNECTIONS: usize = 64;
/// How long a request may take to come.
const REQUEST: Duration = Duration::from_secs(5);
/// How long all of a connection may take, reading what is answered included.
const CONNECTION: Duration = Duration::from_secs(10);
/// Most bytes of a request's line and headers.
const MAX_REQUEST: usize = 16 * 1024;
/// How long to wait where the system has no descriptor to give.
const BREATH: Duration = Duration::from_millis(100);

/// Answers whoever connects, for ever.
pub(crate) async fn serve(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    let mut oldest: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("a connection for metrics cannot be taken: {error}");
                sleep(BREATH).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        oldest.retain(|connection| !connection.is_finished());
        if oldest.len() >= MAX_CONNECTIONS
            && let Some(connection) = oldest.pop_front()
        {
            connection.abort();
        }
        let site = Arc::clone(&site);
        oldest.push_back(connections.spawn(async move {
            // One that takes too long just ends.
            let _ = timeout(CONNECTION, answer(stream, site)).await;
        }));
    }
}

async fn answer(stream: TcpStream, site: Arc<Site>) {
    let service = service_fn(|request: Request<Incoming>| {
        let site = Arc::clone(&site);
        async move {
            let answer = site.answer(request.method(), request.uri().path()).await;
            Ok::<Answer, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(MAX_REQUEST)
        .keep_alive(false);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!("a connection for metrics: {error}");
    }
}
