//! What a daemon does whose place another one takes.
use super::estate::{Estate, Listeners, Offer};
use handclasp::{Host, PassError};
use std::io;
use std::path::PathBuf;
use tokio::sync::{Mutex, watch};

/// A daemon's place, and how far it has been given to another one.
#[derive(Debug)]
pub(crate) struct Giving {
    /// Whoever changes something has this.
    turn: Mutex<Turn>,
    stage: watch::Sender<Stage>,
}

#[derive(Debug)]
struct Turn {
    listeners: Listeners,
    /// That of the latest offer: those before it are void.
    number: u64,
    offered: Option<Estate>,
}

/// How far it has been given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is this daemon's.
    Own,
    /// Another one is to have it, as soon as this one takes no connections any more.
    Wanted,
    /// It takes none, but at a control socket of its own, if it could make one. The other one is not ready yet.
    Given(Option<PathBuf>),
    /// The other one is gone before it was ready.
    Returned,
    /// The other one is ready, and this is never the daemon's again.
    Gone(Option<PathBuf>),
}

/// Why a daemon does not give its place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotGiven {
    #[error(
        "it has taken over from process {0} itself, which still has streams: try again once that has ended, or end it"
    )]
    HasPredecessor(u32),
    #[error("another daemon has taken over already: ask that one")]
    HasSuccessor,
    #[error("another daemon is about to take over: ask that one")]
    Wanted,
    #[error("another daemon has asked since, or nothing was offered: begin anew")]
    Outdated,
    #[error("it ends")]
    Ending,
    #[error(transparent)]
    Ports(#[from] PassError),
    #[error("its listeners cannot be passed ({0}): are its open files used up?")]
    Listeners(#[from] io::Error),
}

impl Giving {
    pub(crate) fn new(listeners: Listeners) -> Self {
        Self {
            turn: Mutex::new(Turn {
                listeners,
                number: 0,
                offered: None,
            }),
            stage: watch::channel(Stage::Own).0,
        }
    }

    /// Told of each stage.
    pub(crate) fn watch(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// Whether streams are to be opened at another daemon.
    pub(crate) fn is_given(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Given(_) | Stage::Gone(_))
    }

    /// What another daemon needs in order to take over, and the number of the offer. Waits for the event loops.
    pub(crate) fn offer(&self, host: &Host) -> Result<(Offer, u64), NotGiven> {
        let mut turn = self.turn.blocking_lock();
        match &*self.stage.borrow() {
            // The links are those of the latest offer, which nobody has.
            Stage::Own | Stage::Gone(_) if turn.offered.is_some() => {}
            Stage::Own => {}
            Stage::Gone(_) if host.takeover().has_successor => return Err(NotGiven::HasSuccessor),
            Stage::Gone(_) => {}
            Stage::Wanted | Stage::Given(_) | Stage::Returned => return Err(NotGiven::Wanted),
        }
        turn.number += 1;
        turn.offered = None;
        let estate = Estate {
            ports: host.pass_ports()?,
            listeners: turn.listeners.try_clone()?,
        };
        let offer = estate.offer();
        turn.offered = Some(estate);
        Ok((offer, turn.number))
    }

    /// Whoever was offered this does not want it.
    pub(crate) async fn forget(&self, number: u64) {
        let mut turn = self.turn.lock().await;
        if turn.number == number {
            turn.offered = None;
        }
    }

    /// What was offered, once.
    pub(crate) async fn take_offered(&self, number: u64) -> Result<Estate, NotGiven> {
        let mut turn = self.turn.lock().await;
        match turn.number == number {
            true => turn.offered.take().ok_or(NotGiven::Outdated),
            false => Err(NotGiven::Outdated),
        }
    }

    /// Whoever has what was offered with this number is to have the place. Returns where this daemon takes connections
    /// from then on, once it takes none elsewhere.
    pub(crate) async fn give(&self, number: u64) -> Result<Option<PathBuf>, NotGiven> {
        let mut stage = self.stage.subscribe();
        {
            let mut turn = self.turn.lock().await;
            if turn.number != number || turn.offered.is_some() {
                return Err(NotGiven::Outdated);
            }
            turn.number += 1;
            self.stage.send_replace(Stage::Wanted);
        }
        let given = stage.wait_for(|stage| matches!(stage, Stage::Given(_)));
        match given.await.as_deref() {
            Ok(Stage::Given(socket)) => Ok(socket.clone()),
            _ => Err(NotGiven::Ending),
        }
    }

    /// What the daemon has done about a stage.
    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// The place was given, and the other daemon is ready, or is gone. Returns whether it still was.
    pub(crate) fn conclude(&self, is_ready: bool) -> bool {
        self.stage.send_if_modified(|stage| {
            let Stage::Given(socket) = stage else {
                return false;
            };
            *stage = match is_ready {
                true => Stage::Gone(socket.take()),
                false => Stage::Returned,
            };
            true
        })
    }

    /// The place is gone: what is left of it closes.
    pub(crate) async fn close(&self) {
        let mut turn = self.turn.lock().await;
        turn.listeners = Listeners::default();
        turn.offered = None;
    }

    /// Copies of the listeners.
    pub(crate) async fn listeners(&self) -> io::Result<Listeners> {
        self.turn.lock().await.listeners.try_clone()
    }
}
