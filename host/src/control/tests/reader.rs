use crate::control::{Input, MAX_LINE, Numbered, Reader, Reason};
use crate::stream::Message;
use std::io::{self, BufRead, BufReader, Read};

fn read_all(input: impl BufRead) -> Vec<Numbered> {
    let mut reader = Reader::new(input);
    std::iter::from_fn(|| reader.read().expect("memory can be read")).collect()
}

fn stop_at(number: u64) -> Numbered {
    Numbered {
        number,
        input: Ok(Message::Stop.into()),
    }
}

/// The line, the column and what is wrong with it.
fn wrong(numbered: &Numbered) -> (u64, usize, Reason) {
    let error = numbered
        .input
        .as_ref()
        .expect_err("the line is wrong")
        .clone();
    (numbered.number, error.column, error.reason)
}

#[test]
fn empty_lines_count_and_say_nothing() {
    let text = "\n{\"message\":\"stop\"}\r\n \t\r\n{\"message\":\"stop\"}";
    assert_eq!(read_all(text.as_bytes()), [stop_at(2), stop_at(4)]);
}

#[test]
fn a_wrong_line_does_not_end_the_input() {
    let lines = read_all(&b"{\n{\"m\xffessage\":1}\n{\"message\":\"stop\"}\n"[..]);
    assert!(matches!(wrong(&lines[0]), (1, _, Reason::Syntax(_))));
    assert_eq!(wrong(&lines[1]), (2, 4, Reason::Encoding));
    assert_eq!(lines[2..], [stop_at(3)]);
}

#[test]
fn a_line_may_be_as_long_as_the_bound_and_no_longer() {
    let padded = |len: usize| {
        let mut line = r#"{"message":"stop"}"#.to_owned();
        line.push_str(&" ".repeat(len - line.len()));
        line
    };
    let text = format!(
        "{}\n{}\n{}\n{}",
        padded(MAX_LINE),
        padded(MAX_LINE + 1),
        " ".repeat(MAX_LINE + 1),
        padded(MAX_LINE)
    );
    let lines = read_all(text.as_bytes());
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], stop_at(1));
    assert_eq!(wrong(&lines[1]), (2, MAX_LINE + 1, Reason::TooLong));
    assert_eq!(wrong(&lines[2]), (3, MAX_LINE + 1, Reason::TooLong));
    assert_eq!(lines[3], stop_at(4));
}

#[test]
fn an_endless_line_takes_bounded_memory() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'x');
            Ok(buffer.len())
        }
    }
    let endless = BufReader::new(Endless.take(64 << 20));
    let mut reader = Reader::new(endless);
    let line = reader.read().expect("it can be read").expect("one line");
    assert_eq!(wrong(&line), (1, MAX_LINE + 1, Reason::TooLong));
    assert!(reader.held() <= 2 * MAX_LINE + 2);
    assert!(reader.read().expect("it can be read").is_none());
}

#[test]
fn the_last_line_needs_no_end() {
    let lines = read_all(&b"{\"message\":\"close\"}"[..]);
    let close = Input::from(Message::Close);
    assert_eq!(lines[0].input, Ok(close));
}

#[test]
fn a_byte_order_mark_may_stand_before_the_first_line_only() {
    let text = "\u{feff}{\"message\":\"stop\"}\n\u{feff}{\"message\":\"stop\"}\n";
    let lines = read_all(text.as_bytes());
    assert_eq!(lines[0], stop_at(1));
    assert!(matches!(wrong(&lines[1]), (2, 1, Reason::Syntax(_))));
    let alone = read_all("\u{feff}\r\n{\"message\":\"stop\"}".as_bytes());
    assert_eq!(alone, [stop_at(2)]);
}
