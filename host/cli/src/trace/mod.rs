//! `handclasp trace`: what a session recorded with `--trace` looks like.
//!
//! - `pairing`: which arrival belongs to which departure, where both sides are in the trace;
//! - `gaps`: arrivals that are not in the trace;
//! - `words`: a datagram or an event in a few words;
//! - `flight`: the same of DTLS records;
//! - `ladder`: two rails, arrows between them, notes beside them; `builder` makes it;
//! - `terminal`, `page`: that ladder drawn;
//! - `capture`, `packet`: the datagrams for Wireshark;
//! - `summary`, `component`: times and counts;
//! - `output`: where a page or a capture goes.
mod builder;
mod capture;
mod component;
mod flight;
mod gaps;
pub(super) mod ladder;
mod output;
mod packet;
mod page;
mod pairing;
mod summary;
mod terminal;
#[cfg(test)]
mod tests;
pub(super) mod words;

use super::exit::Failed;
use super::stdio;
use clap::Args;
use handclasp::trace::Trace as Recorded;
use ladder::Ladder;
use output::Output;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use summary::Summary;

pub(super) use terminal::rails;

/// Show a session that `stream` or `demo` recorded with --trace.
///
/// Without options: a ladder with time running down, the two sides as its rails, each datagram as an arrow, and
/// calls into the plugin and changes of state as notes. Of a trace with one side in it, the other rail is its
/// peer. docs/trace.md describes the file.
#[derive(Debug, Args)]
pub(super) struct Trace {
    /// The trace
    file: PathBuf,
    /// Of a trace of several streams, this one and its peer
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Times and counts as one JSON object
    #[arg(long)]
    json: bool,
    /// Draw the ladder on a page for browsers that needs nothing else: OUT, - for standard output, or a new
    /// file beside the trace
    #[arg(long, value_name = "OUT", num_args = 0..=1, require_equals = true)]
    html: Option<Option<PathBuf>>,
    /// Write the datagrams as a capture for Wireshark, with what the trace has of their contents: OUT, - for
    /// standard output, or a new file beside the trace. What DTLS encrypts is read with the file KEYS that --keylog wrote, as
    /// in `wireshark -o tls.keylog_file:KEYS OUT`
    #[arg(long, value_name = "OUT", num_args = 0..=1, require_equals = true)]
    pcap: Option<Option<PathBuf>>,
}

impl Trace {
    pub(super) fn run(self) -> Result<(), Failed> {
        if let (Some(Some(html)), Some(Some(pcap))) = (&self.html, &self.pcap)
            && html == pcap
        {
            return Err(Failed::usage(format!(
                "--html and --pcap would both write to {}: name another file for one of them",
                html.display()
            )));
        }
        let trace = self.read()?;
        if let Some(out) = &self.html {
            let ladder = Ladder::of(&trace);
            let page = page::draw(&ladder, &Summary::of(&trace));
            self.output(out, "html")?.write(page.as_bytes())?;
        }
        if let Some(out) = &self.pcap {
            self.output(out, "pcap")?.write(&capture::of(&trace))?;
        }
        if self.json {
            let summary = serde_json::to_string(&Summary::of(&trace));
            stdio::say(summary.expect("it has string keys and nothing that could fail"));
        } else if self.html.is_none() && self.pcap.is_none() {
            let drawn = terminal::draw(&Ladder::of(&trace), &Summary::of(&trace));
            stdio::say(drawn.trim_end());
        }
        Ok(())
    }

    fn read(&self) -> Result<Recorded, Failed> {
        let name = self.file.display();
        let file = File::open(&self.file).map_err(|error| {
            Failed::new(format!(
                "the trace {name} cannot be opened: {error}; name a file that --trace has written"
            ))
        })?;
        let mut trace = Recorded::read(BufReader::new(file))
            .map_err(|error| Failed::new(format!("the trace {name}: {error}")))?;
        self.choose(&mut trace)?;
        Ok(trace)
    }

    /// Leaves at most two streams: there are two rails.
    fn choose(&self, trace: &mut Recorded) -> Result<(), Failed> {
        let records = trace.records.iter();
        let names: BTreeSet<&str> = records.map(|record| record.stream.as_str()).collect();
        let named: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let known = named.join(", ");
        let Some(stream) = &self.stream else {
            return match named.len() {
                0..=2 => Ok(()),
                several => Err(Failed::usage(format!(
                    "the trace has {several} streams: choose one with --stream, of {known}"
                ))),
            };
        };
        if !named.contains(&stream.as_str()) {
            return Err(Failed::usage(format!(
                "the trace has no stream {stream}: it has {known}"
            )));
        }
        let is_meant = |name: &str| name.is_empty() || name == stream;
        trace.records.retain(|record| is_meant(&record.stream));
        Ok(())
    }

    fn output(&self, out: &Option<PathBuf>, extension: &str) -> Result<Output, Failed> {
        match out {
            Some(path) if path == Path::new("-") => Ok(Output::Standard),
            Some(path) => Output::file(path.clone(), &self.file),
            None => Ok(Output::Beside(self.file.with_extension(extension))),
        }
    }
}
