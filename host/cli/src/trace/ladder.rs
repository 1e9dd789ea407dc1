//! Two rails, arrows between them, notes beside them.
use serde::{Deserialize, Serialize};

/// A trace as it is drawn.
#[derive(Debug)]
pub(crate) struct Ladder {
    pub(crate) rails: [String; 2],
    pub(crate) rows: Vec<Row>,
    pub(crate) cut_off: bool,
}

/// One line of the drawing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Microseconds from the trace's beginning.
    pub(crate) us: u64,
    pub(crate) text: String,
    pub(crate) tone: Tone,
    pub(crate) shape: Shape,
}

/// What stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// Beside this rail; beside none if it is about all.
    Note(Option<usize>),
    /// A datagram from this rail to the other.
    Arrow(usize, End),
}

/// Where an arrow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// On the other rail.
    Arrived,
    /// Dropped on purpose.
    Lost,
    /// It left, and does not stand among the other side's arrivals.
    Unseen,
    /// It left, and may stand among the arrivals that were not recorded.
    Unrecorded,
    /// On the other rail, where nobody wanted it.
    Stray,
    /// On the other rail, whose component dropped it.
    Dropped,
    /// Neither rail is where it goes.
    Elsewhere,
    /// On the other rail, but it comes from neither.
    FromElsewhere,
}

/// What a line is about, for colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tone {
    Ice,
    Handshake,
    Data,
    Plugin,
    State,
    Good,
    Bad,
}
