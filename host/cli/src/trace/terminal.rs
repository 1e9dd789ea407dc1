//! The ladder in a terminal.
use super::ladder::{End, Ladder, Row, Shape, Tone};
use super::summary::Summary;
use anstyle::{AnsiColor, Color, Style};
use std::fmt::Write;

/// Columns between the rails.
const WIDTH: usize = 65;

const DIM: Style = Style::new().dimmed();

pub(super) fn draw(ladder: &Ladder, summary: &Summary) -> String {
    let mut text = rails(ladder);
    for words in summary.words() {
        text += &format!("\n{words}");
    }
    text
}

/// The ladder alone.
pub(crate) fn rails(ladder: &Ladder) -> String {
    let mut text = String::new();
    let [a, b] = &ladder.rails;
    let gap = (WIDTH + 2).saturating_sub(a.chars().count() + b.chars().count());
    line(&mut text, "", &format!("{a}{:gap$}{b}", ""));
    for row in &ladder.rows {
        let (start, end) = (style(row.tone).render(), style(row.tone).render_reset());
        let time = format!("{DIM}{:>11}{DIM:#}", time(row.us));
        line(&mut text, &time, &format!("{start}{}{end}", shape(row)));
    }
    if ladder.cut_off {
        line(
            &mut text,
            "",
            "The trace ends here, in the middle of a line: its writing was interrupted.",
        );
    }
    text
}

fn line(text: &mut String, time: &str, rest: &str) {
    let time = match time {
        "" => " ".repeat(11),
        time => time.to_owned(),
    };
    writeln!(text, "{time}  {rest}").expect("a string takes all that memory holds");
}

fn time(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us / 100 % 10)
}

fn shape(row: &Row) -> String {
    match row.shape {
        Shape::Note(None) => row.text.clone(),
        Shape::Note(Some(0)) => {
            format!("│ {:<rest$}│", fit(&row.text, WIDTH - 2), rest = WIDTH - 1)
        }
        Shape::Note(Some(_)) => {
            format!("│{:>rest$} │", fit(&row.text, WIDTH - 2), rest = WIDTH - 1)
        }
        Shape::Arrow(0, end) => {
            let (start, shaft, tip) = match end {
                End::Arrived => ("├─ ", '─', "▶│"),
                End::Lost => ("├─ ", '─', "✗ lost  │"),
                End::Unseen => ("├─ ", '╌', "?  │"),
                End::Unrecorded => ("├─ ", '╌', "▷│"),
                End::Stray => ("├─ ", '─', "✗ stray │"),
                End::Dropped => ("├─ ", '─', "✗ dropped │"),
                End::Elsewhere => ("├─ ", '─', "▶      │"),
                End::FromElsewhere => ("│      ─ ", '─', "▶│"),
            };
            let room = WIDTH + 2 - start.chars().count() - tip.chars().count();
            let (text, line) = along(&row.text, shaft, room);
            format!("{start}{text} {line}{tip}")
        }
        Shape::Arrow(_, end) => {
            let (tip, shaft, start) = match end {
                End::Arrived => ("│◀", '─', " ─┤"),
                End::Lost => ("│  lost ✗", '─', " ─┤"),
                End::Unseen => ("│  ?", '╌', " ─┤"),
                End::Unrecorded => ("│◁", '╌', " ─┤"),
                End::Stray => ("│ stray ✗", '─', " ─┤"),
                End::Dropped => ("│ dropped ✗", '─', " ─┤"),
                End::Elsewhere => ("│      ◀", '─', " ─┤"),
                End::FromElsewhere => ("│◀", '─', " ─      │"),
            };
            let room = WIDTH + 2 - start.chars().count() - tip.chars().count();
            let (text, line) = along(&row.text, shaft, room);
            format!("{tip}{line} {text}{start}")
        }
    }
}

/// A text and the line it stands on, with a space between as long as the room is.
fn along(text: &str, shaft: char, room: usize) -> (String, String) {
    let text = fit(text, room - 2);
    let line = std::iter::repeat_n(shaft, room - 1 - text.chars().count()).collect();
    (text, line)
}

fn fit(text: &str, room: usize) -> String {
    match text.char_indices().nth(room) {
        None => text.to_owned(),
        Some(_) => text.chars().take(room - 1).chain(['…']).collect(),
    }
}

fn style(tone: Tone) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(Color::Ansi(colour)));
    match tone {
        Tone::Ice => colour(AnsiColor::Cyan),
        Tone::Handshake => colour(AnsiColor::Magenta),
        Tone::Data => colour(AnsiColor::Blue),
        Tone::Plugin | Tone::State => DIM,
        Tone::Good => colour(AnsiColor::Green).bold(),
        Tone::Bad => colour(AnsiColor::Red).bold(),
    }
}
