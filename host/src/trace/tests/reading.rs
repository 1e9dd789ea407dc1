use super::strategy::{header, record, trace};
use crate::trace::{ReadError, Record, Trace};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("records can be written") + "\n"
}

fn written(trace: &Trace) -> String {
    let records = trace.records.iter().map(line);
    line(&trace.header) + &records.collect::<String>()
}

fn fails(text: &str) -> String {
    let result = Trace::read(text.as_bytes());
    result.expect_err("it is no trace").to_string()
}

proptest! {
    #[test]
    fn what_is_written_is_read(trace in trace()) {
        let read = Trace::read(written(&trace).as_bytes()).expect("it was just written");
        prop_assert_eq!(read, Trace { cut_off: false, ..trace });
    }

    /// Wherever a crash cuts it off, what stands before is there.
    #[test]
    fn what_is_cut_off_is_read_up_to_there(trace in trace(), share in 0.0..1.0_f64) {
        let whole = written(&trace);
        let first = line(&trace.header).len();
        let length = first + ((whole.len() - first) as f64 * share) as usize;
        let text = &whole.as_bytes()[..length];
        let read = Trace::read(text).expect("its first line is there");
        let ends = text.iter().skip(first).filter(|byte| **byte == b'\n').count();
        // The last line may lack nothing but its end.
        prop_assert!((ends..=ends + 1).contains(&read.records.len()));
        prop_assert_eq!(&read.records, &trace.records[..read.records.len()]);
        prop_assert_eq!(read.cut_off, !text.ends_with(b"\n") && read.records.len() == ends);
    }

    #[test]
    fn whatever_is_read_nothing_breaks(text in vec(any::<u8>(), 0..400), begins in any::<bool>()) {
        let mut file = Vec::new();
        if begins {
            file.extend(line(&header(0)).into_bytes());
        }
        file.extend(text);
        if let Err(error) = Trace::read(&*file) {
            let sentence = error.to_string();
            prop_assert!(sentence.starts_with("line ") && sentence.len() < 1000, "{}", sentence);
        }
    }

    #[test]
    fn a_damaged_line_is_named(records in vec(record(), 1..10), at in 0..10_usize, to in 0..128_u8) {
        let at = at % records.len();
        let mut lines: Vec<Vec<u8>> = records.iter().map(|record| line(record).into_bytes()).collect();
        prop_assume!(lines[at][0] != to && !to.is_ascii_whitespace());
        lines[at][0] = to; // the brace it begins with
        let text = [line(&header(0)).into_bytes(), lines.concat()].concat();
        let error = Trace::read(&*text).expect_err("a line is damaged");
        let named = match error {
            ReadError::Record { line, .. } => line,
            error => panic!("{error}"),
        };
        prop_assert_eq!(named, at as u64 + 2);
    }
}

#[test]
fn foreign_files_are_refused() {
    let foreign = "line 1 is not the first line of a trace: name a file that `--trace` of `stream` or `demo` has written";
    for text in [
        "",
        "\n",
        "hello\n",
        "{}\n",
        "{\"trace\":\"other\",\"version\":1}\n",
    ] {
        assert_eq!(fails(text), foreign, "{text}");
    }
    let endless = "x".repeat(1 << 20);
    assert_eq!(fails(&endless), foreign);
}

#[test]
fn another_version_is_named() {
    assert_eq!(
        fails("{\"trace\":\"handclasp\",\"version\":2,\"begun\":\"elsewhere\"}\n"),
        "line 1: it is in version 2 of the format, and this release reads version 1: use the release that wrote it"
    );
}

#[test]
fn lines_have_an_end() {
    let text = line(&header(0)) + &" ".repeat(1 << 20) + "\n";
    assert_eq!(
        fails(&text),
        "line 2 is longer than 262144 bytes: the file is damaged or is no trace"
    );
}

#[test]
fn the_longest_datagram_fits_into_a_line() {
    let mut datagram = record_of_datagram();
    if let crate::trace::What::Datagram(datagram) = &mut datagram.what {
        datagram.contents = Some(vec![0; usize::from(u16::MAX)]);
    }
    let text = line(&header(0)) + &line(&datagram);
    let read = Trace::read(text.as_bytes()).expect("it fits");
    assert_eq!(read.records, [datagram]);
}

fn record_of_datagram() -> Record {
    let text = r#"{"us":1,"stream":"a","event":"datagram","component_id":1,"direction":"out",
        "local":"192.0.2.1:1","remote":"192.0.2.1:2","bytes":65535,"kind":"stun"}"#;
    serde_json::from_str(text).expect("it is a record")
}

#[test]
fn what_later_releases_add_is_left_out() {
    let text = line(&header(0))
        + "{\"us\":1,\"stream\":\"a\",\"event\":\"teleported\",\"where\":[1]}\n\
           {\"us\":2,\"stream\":\"a\",\"event\":\"stopped\",\"why\":\"later\"}\n";
    let read = Trace::read(text.as_bytes()).expect("it is well-formed");
    let events = read.records.iter().map(|record| &record.what);
    let expected = [&crate::trace::What::Unknown, &crate::trace::What::Stopped];
    assert_eq!(events.collect::<Vec<_>>(), expected);
}
