//! A controller that is a daemon, and takes this one's place.
use super::connection::Connection;
use super::response::Failure;
use crate::request::TakeoverStep;
use crate::takeover::send;
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
    /// By the number of the offer.
    Offered(u64),
    Passed(u64),
    Given,
}

const NAME: &str = "takeover";
const OTHERWISE: &str = "the steps are offer, descriptors, commit and ready, in this order";
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
            (TakeoverStep::Ready, _) => self.conclude(id),
        };
        if let Err(error) = done {
            self.fail(NAME, id, &Failure::new(NAME, error));
        }
    }

    async fn offer(&mut self, id: Option<&Value>) -> Result<(), String> {
        if let State::Given = self.takeover.state {
            return Err(OTHERWISE.to_owned());
        }
        let daemon = Arc::clone(&self.daemon);
        let offered = tokio::task::spawn_blocking(move || daemon.offer()).await;
        let offered = offered.map_err(|error| error.to_string())?;
        let (offer, number) = offered.map_err(|error| error.to_string())?;
        self.answer(NAME, id, &offer);
        self.takeover.state = State::Offered(number);
        Ok(())
    }

    /// Descriptors leave beside the lines: whoever wants them has read all lines before.
    async fn pass(&mut self, unix: &UnixStream) -> Result<(), String> {
        let State::Offered(number) = self.takeover.state else {
            return Err(OTHERWISE.to_owned());
        };
        let estate = self.daemon.giving.take_offered(number).await;
        let estate = estate.map_err(|error| error.to_string())?;
        let sent = timeout(PATIENCE, send_all(unix, &estate.descriptors())).await;
        sent.map_err(|_| "descriptors are not taken".to_owned())?
            .map_err(|error| format!("descriptors cannot be sent: {error}"))?;
        self.takeover.state = State::Passed(number);
        Ok(())
    }

    async fn commit(&mut self, id: Option<&Value>) -> Result<(), String> {
        let State::Passed(number) = self.takeover.state else {
            return Err(OTHERWISE.to_owned());
        };
        self.takeover.state = State::None;
        let socket = self.daemon.giving.give(number).await;
        let socket = socket.map_err(|error| error.to_string())?;
        self.takeover.state = State::Given;
        self.answer(NAME, id, &json!({"socket": socket}));
        Ok(())
    }

    fn conclude(&mut self, id: Option<&Value>) -> Result<(), String> {
        let State::Given = std::mem::take(&mut self.takeover.state) else {
            return Err(OTHERWISE.to_owned());
        };
        if !self.daemon.giving.conclude(true) {
            return Err("that took too long".to_owned());
        }
        self.answer(NAME, id, &json!({}));
        Ok(())
    }

    /// The connection has ended: a daemon that was not ready will not be.
    pub(super) async fn leave_takeover(&mut self) {
        match std::mem::take(&mut self.takeover.state) {
            State::Offered(number) => self.daemon.giving.forget(number).await,
            State::Given => drop(self.daemon.giving.conclude(false)),
            State::None | State::Passed(_) => {}
        }
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
