//! A controller that is a daemon, and takes this one's place.
use super::connection::Connection;
use super::response::Failure;
use crate::request::TakeoverStep;
use crate::takeover::{Estate, send};
use serde_json::{Value, json};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, Interest};
use tokio::net::{UnixStream, tcp, unix};
use tokio::time::timeout;

/// What a connection is read from.
pub(super) trait Input: AsyncRead + Unpin {
    /// The Unix socket, by which descriptors can pass, if it is one.
    fn unix(&self) -> Option<&UnixStream>;
}

impl Input for unix::OwnedReadHalf {
    fn unix(&self) -> Option<&UnixStream> {
        Some(self.as_ref())
    }
}

impl Input for tcp::OwnedReadHalf {
    fn unix(&self) -> Option<&UnixStream> {
        None
    }
}

/// How far the controller has come with it.
#[derive(Debug, Default)]
pub(super) struct Takeover {
    /// What is to be done next, and what the controller calls it.
    pub(super) asked: Option<(Option<Value>, TakeoverStep)>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    Offered(Estate, u64),
    Passed(u64),
}

const NAME: &str = "takeover";
/// How long descriptors may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);

impl Connection {
    /// Does the next step.
    pub(super) async fn pass_place(
        &mut self,
        id: Option<&Value>,
        step: TakeoverStep,
        unix: Option<&UnixStream>,
    ) {
        let done = match (step, unix.filter(|unix| may_take_over(unix))) {
            (_, None) => Err(
                "only a process of the daemon's own user, or root, takes over, and by the Unix socket"
                    .to_owned(),
            ),
            (TakeoverStep::Offer, _) => self.offer(id).await,
            (TakeoverStep::Descriptors, Some(unix)) => self.pass(unix).await,
            (TakeoverStep::Commit, _) => self.commit(id).await,
        };
        if let Err(error) = done {
            self.fail(NAME, id, &Failure::new(NAME, error));
        }
    }

    async fn offer(&mut self, id: Option<&Value>) -> Result<(), String> {
        let daemon = Arc::clone(&self.daemon);
        let estate = tokio::task::spawn_blocking(move || daemon.estate()).await;
        let estate = estate.map_err(|error| error.to_string())?;
        let (estate, number) = estate.map_err(|error| error.to_string())?;
        self.answer(NAME, id, &estate.offer());
        self.takeover.state = State::Offered(estate, number);
        Ok(())
    }

    /// Descriptors leave beside the lines: whoever wants them has read all lines before.
    async fn pass(&mut self, unix: &UnixStream) -> Result<(), String> {
        let State::Offered(estate, number) = std::mem::take(&mut self.takeover.state) else {
            return Err("nothing was offered".to_owned());
        };
        let sent = timeout(PATIENCE, send_all(unix, &estate.descriptors())).await;
        sent.map_err(|_| "descriptors are not taken".to_owned())?
            .map_err(|error| format!("descriptors cannot be sent: {error}"))?;
        self.takeover.state = State::Passed(number);
        Ok(())
    }

    async fn commit(&mut self, id: Option<&Value>) -> Result<(), String> {
        let State::Passed(number) = std::mem::take(&mut self.takeover.state) else {
            return Err("nothing has passed".to_owned());
        };
        let socket = self.daemon.hand_over(number).await;
        let socket = socket.map_err(|error| error.to_string())?;
        self.answer(NAME, id, &json!({"socket": socket}));
        Ok(())
    }
}

async fn send_all(unix: &UnixStream, mut rest: &[BorrowedFd<'_>]) -> io::Result<()> {
    while !rest.is_empty() {
        unix.writable().await?;
        match unix.try_io(Interest::WRITABLE, || send(unix, rest)) {
            Ok(sent) => rest = &rest[sent..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn may_take_over(unix: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let its = unix.peer_cred().map(|credentials| credentials.uid());
    its.is_ok_and(|its| its == own || its == 0)
}
