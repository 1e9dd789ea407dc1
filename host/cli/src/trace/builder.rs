//! How a trace becomes a ladder.
use super::gaps::Gaps;
use super::ladder::{End, Ladder, Row, Shape, Tone};
use super::pairing::Pairing;
use super::words;
use handclasp::printable;
use handclasp::trace::{
    Datagram, Direction, DtlsRecord, Fate, Kind, Status, Trace, What, dtls_records,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;

impl Ladder {
    pub(super) fn of(trace: &Trace) -> Self {
        let mut builder = Builder::new(trace);
        for (index, record) in trace.records.iter().enumerate() {
            match &record.what {
                What::Datagram(datagram) => builder.datagram(index, datagram),
                what => builder.event(index, what),
            }
        }
        builder.end_run();
        Self {
            rails: builder.rails,
            rows: builder.rows,
            cut_off: trace.cut_off,
        }
    }
}

struct Builder<'a> {
    trace: &'a Trace,
    pairing: Pairing,
    gaps: Gaps<'a>,
    rails: [String; 2],
    two_sided: bool,
    /// Where each stream's sockets are, by its rail.
    addresses: [HashSet<SocketAddr>; 2],
    several_components: bool,
    several_pairs: bool,
    /// Handshake messages seen: their rail, component, number, type and fragment.
    seen: HashSet<(usize, u16, u16, u8, u32)>,
    /// Why datagrams that waited were dropped, by stream, component and number; nothing of those that were not.
    waiting: HashMap<(&'a str, u16, u64), Option<&'a str>>,
    /// The application's datagrams since the last other line, by the rail they left.
    run: [Option<Run>; 2],
    rows: Vec<Row>,
}

/// Like datagrams that are drawn as one.
struct Run {
    us: u64,
    text: String,
    end: End,
    count: u64,
    bytes: u64,
}

impl<'a> Builder<'a> {
    fn new(trace: &'a Trace) -> Self {
        let mut names: Vec<&str> = Vec::new();
        let (mut components, mut pairs) = (BTreeSet::new(), BTreeSet::new());
        for record in &trace.records {
            if !record.stream.is_empty() && !names.contains(&record.stream.as_str()) {
                names.push(&record.stream);
            }
            components.extend(record.what.component_id());
            if let What::Datagram(datagram) = &record.what {
                pairs.insert((
                    record.stream.as_str(),
                    datagram.component_id,
                    datagram.local,
                    datagram.remote,
                ));
            }
        }
        let rail = |index: usize, default: &str| match names.get(index) {
            Some(name) => printable(name),
            None => default.to_owned(),
        };
        let mut builder = Self {
            trace,
            pairing: Pairing::of(trace),
            gaps: Gaps::of(trace),
            rails: [rail(0, "stream"), rail(1, "peer")],
            two_sided: names.len() > 1,
            addresses: Default::default(),
            several_components: components.len() > 1,
            several_pairs: pairs.len() > components.len() * names.len(),
            seen: HashSet::new(),
            waiting: waiting(trace),
            run: [None, None],
            rows: Vec::new(),
        };
        builder.learn_addresses();
        builder
    }

    fn learn_addresses(&mut self) {
        for (index, record) in self.trace.records.iter().enumerate() {
            let rail = self.rail(index);
            match &record.what {
                What::Datagram(datagram) => self.addresses[rail].insert(datagram.local),
                // Of one that neither sends nor receives, the other one knows where it should be.
                What::NewSelectedPair { remote, .. } => self.addresses[1 - rail].insert(*remote),
                _ => continue,
            };
        }
    }

    /// The rail of the stream that a record is about.
    fn rail(&self, index: usize) -> usize {
        let name = printable(&self.trace.records[index].stream);
        usize::from(self.two_sided && name != self.rails[0])
    }

    fn event(&mut self, index: usize, what: &What) {
        let Some(text) = words::event(what) else {
            return;
        };
        if self.is_drawn_already(index, what) {
            return;
        }
        self.end_run();
        let beside = match what {
            What::Missed(_) if self.trace.records[index].stream.is_empty() => None,
            _ => Some(self.rail(index)),
        };
        self.rows.push(Row {
            us: self.trace.records[index].us,
            text: self.prefix(what.component_id()) + &text,
            tone: tone(what),
            shape: Shape::Note(beside),
        });
    }

    fn datagram(&mut self, index: usize, datagram: &Datagram) {
        let other_end = self.pairing.other_end(index);
        let (rail, us) = (self.rail(index), self.trace.records[index].us);
        let arrival = match datagram.direction {
            Direction::Out => other_end,
            Direction::In => Some(index),
        };
        let dropped = arrival.and_then(|arrival| self.reason(arrival));
        let (from, end) = match (datagram.direction, datagram.fate, other_end) {
            (Direction::Out, Some(Fate::Lost), _) => (rail, End::Lost),
            (Direction::Out, _, None) if self.goes_elsewhere(rail, datagram) => {
                (rail, End::Elsewhere)
            }
            (Direction::Out, _, None) if self.two_sided => {
                let stream = &self.trace.records[index].stream;
                match self.gaps.take(stream, us, datagram) {
                    true => (rail, End::Unrecorded),
                    false => (rail, End::Unseen),
                }
            }
            (Direction::Out, _, Some(arrival)) if self.is_stray(arrival) => (rail, End::Stray),
            (Direction::Out, ..) if dropped.is_some() => (rail, End::Dropped),
            (Direction::Out, ..) => (rail, End::Arrived),
            (Direction::In, _, Some(_)) => return, // drawn where it left
            (Direction::In, ..) if dropped.is_some() => (1 - rail, End::Dropped),
            (Direction::In, Some(Fate::Stray), None) => (1 - rail, End::Stray),
            (Direction::In, _, None) if self.goes_elsewhere(rail, datagram) => {
                (1 - rail, End::FromElsewhere)
            }
            (Direction::In, _, None) => (1 - rail, End::Arrived),
        };
        let mut text = self.prefix(Some(datagram.component_id)) + &words::datagram(datagram);
        if self.repeats(from, datagram) {
            text += ", again";
        }
        if self.several_pairs || matches!(end, End::Elsewhere | End::FromElsewhere) {
            text += &match datagram.direction {
                Direction::Out => format!(" to {}", datagram.remote),
                Direction::In => format!(" from {}", datagram.remote),
            };
        }
        if let Some(reason) = dropped {
            text += &format!(", {}", printable(reason));
        }
        let is_handshake = datagram.contents.is_some() || datagram.relays.is_some();
        let tone = match (datagram.relays.unwrap_or(datagram.kind), end) {
            (_, End::Lost | End::Stray | End::Dropped) => Tone::Bad,
            (Kind::Stun, _) => Tone::Ice,
            (Kind::Dtls, _) if is_handshake => Tone::Handshake,
            _ => return self.extend_run(from, us, text, end, datagram.bytes),
        };
        self.end_run();
        let text = format!("{text}, {} B", datagram.bytes);
        let shape = Shape::Arrow(from, end);
        self.rows.push(Row {
            us,
            text,
            tone,
            shape,
        });
    }

    /// Whether the other end is not the other rail's.
    fn goes_elsewhere(&self, rail: usize, datagram: &Datagram) -> bool {
        self.two_sided && !self.addresses[1 - rail].contains(&datagram.remote)
    }

    fn is_stray(&self, index: usize) -> bool {
        matches!(&self.trace.records[index].what, What::Datagram(arrival) if arrival.fate == Some(Fate::Stray))
    }

    /// Why the component that a datagram came to dropped it, if it did.
    fn reason(&self, index: usize) -> Option<&'a str> {
        let record = &self.trace.records[index];
        match &record.what {
            What::Datagram(arrival) if arrival.fate == Some(Fate::Dropped) => {
                Some(arrival.reason.as_deref().unwrap_or_default())
            }
            What::Datagram(arrival) => {
                let key = (record.stream.as_str(), arrival.component_id, arrival.waits?);
                self.waiting.get(&key).copied().flatten()
            }
            _ => None,
        }
    }

    /// Whether it is the end of a datagram that is drawn with it.
    fn is_drawn_already(&self, index: usize, what: &What) -> bool {
        match what {
            What::Dropped {
                component_id,
                waited: Some(number),
                ..
            } => {
                let stream = self.trace.records[index].stream.as_str();
                self.waiting.contains_key(&(stream, *component_id, *number))
            }
            _ => false,
        }
    }

    /// Whether a handshake message in it has been sent before. Encrypted ones cannot be told apart.
    fn repeats(&mut self, from: usize, datagram: &Datagram) -> bool {
        let contents = datagram.contents.as_deref();
        let records = contents.and_then(dtls_records).unwrap_or_default();
        let mut repeats = false;
        for record in records {
            if let DtlsRecord::Handshake {
                kind,
                sequence,
                offset,
            } = record
            {
                let message = (from, datagram.component_id, sequence, kind, offset);
                repeats |= !self.seen.insert(message);
            }
        }
        repeats
    }

    fn prefix(&self, component_id: Option<u16>) -> String {
        match component_id {
            Some(id) if self.several_components => format!("{id}: "),
            _ => String::new(),
        }
    }

    fn extend_run(&mut self, from: usize, us: u64, text: String, end: End, bytes: u16) {
        if let Some(run) = &mut self.run[from]
            && run.text == text
            && run.end == end
        {
            run.count += 1;
            run.bytes += u64::from(bytes);
            return;
        }
        self.end_run();
        self.run[from] = Some(Run {
            us,
            text,
            end,
            count: 1,
            bytes: u64::from(bytes),
        });
    }

    /// Draws the application's datagrams up to here.
    fn end_run(&mut self) {
        let runs = self.run.iter_mut().map(Option::take).zip(0..);
        let mut runs: Vec<(Run, usize)> =
            runs.filter_map(|(run, from)| Some((run?, from))).collect();
        runs.sort_by_key(|(run, _)| run.us);
        for (run, from) in runs {
            let text = match run.count {
                1 => format!("{}, {} B", run.text, run.bytes),
                count => format!("{} ×{count}, {} B", run.text, run.bytes),
            };
            self.rows.push(Row {
                us: run.us,
                text,
                tone: Tone::Data,
                shape: Shape::Arrow(from, run.end),
            });
        }
    }
}

fn waiting(trace: &Trace) -> HashMap<(&str, u16, u64), Option<&str>> {
    let mut waiting = HashMap::new();
    for record in &trace.records {
        let stream = record.stream.as_str();
        match &record.what {
            What::Datagram(Datagram {
                component_id,
                waits: Some(number),
                ..
            }) => {
                waiting.insert((stream, *component_id, *number), None);
            }
            What::Dropped {
                component_id,
                waited: Some(number),
                reason,
            } => {
                if let Some(why) = waiting.get_mut(&(stream, *component_id, *number)) {
                    *why = Some(reason.as_str());
                }
            }
            _ => {}
        }
    }
    waiting
}

fn tone(what: &What) -> Tone {
    match what {
        What::Call(call) if call.status == Status::Failed => Tone::Bad,
        What::Call(_) => Tone::Plugin,
        What::ComponentStateReady { .. }
        | What::HandshakeData { .. }
        | What::ExportedKey { .. }
        | What::NewSelectedPair { .. } => Tone::Good,
        What::ComponentStateFailed { .. }
        | What::ComponentStateDisconnected { .. }
        | What::CouldNotSendPayload { .. }
        | What::CouldNotExportKey { .. }
        | What::Dropped { .. }
        | What::Warning { .. }
        | What::Missed(_) => Tone::Bad,
        _ => Tone::State,
    }
}
