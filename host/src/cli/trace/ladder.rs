//! Two rails, arrows between them, notes beside them.

/// A trace as it is drawn.
#[derive(Debug)]
pub(super) struct Ladder {
    pub(super) rails: [String; 2],
    pub(super) rows: Vec<Row>,
    pub(super) cut_off: bool,
}

/// One line of the drawing.
#[derive(Debug)]
pub(super) struct Row {
    /// Microseconds from the trace's beginning.
    pub(super) us: u64,
    pub(super) text: String,
    pub(super) tone: Tone,
    pub(super) shape: Shape,
}

/// What stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Beside this rail; beside none if it is about all.
    Note(Option<usize>),
    /// A datagram from this rail to the other.
    Arrow(usize, End),
}

/// Where an arrow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// On the other rail.
    Arrived,
    /// Dropped on purpose.
    Lost,
    /// It left, and does not stand among the other side's arrivals.
    Unseen,
    /// On the other rail, where nobody wanted it.
    Stray,
    /// Neither rail is where it goes.
    Elsewhere,
    /// On the other rail, but it comes from neither.
    FromElsewhere,
}

/// What a line is about, for colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Ice,
    Handshake,
    Data,
    Plugin,
    State,
    Good,
    Bad,
}
