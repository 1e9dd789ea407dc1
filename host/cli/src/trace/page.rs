//! The ladder as a page that needs nothing else: no script, no other file, no network.
use super::ladder::{End, Ladder, Row, Shape, Tone};
use super::summary::Summary;
use super::words::millis;
use std::fmt::{self, Write};

const STYLE: &str = include_str!("page.css");
/// Where the rails stand, and how wide the drawing is.
const RAILS: [i64; 2] = [130, 1020];
const WIDTH: i64 = 1050;
/// From one line to the next, and what stands above the first.
const STEP: usize = 24;
const TOP: usize = 50;
/// Most characters of a line between the rails.
const FIT: usize = 115;

pub(super) fn draw(ladder: &Ladder, summary: &Summary) -> String {
    let mut page = String::new();
    write_page(&mut page, ladder, summary).expect("a string takes all that memory holds");
    page
}

fn write_page(page: &mut String, ladder: &Ladder, summary: &Summary) -> fmt::Result {
    let [a, b] = ladder.rails.each_ref().map(|name| Escaped(name));
    writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
    )?;
    // A second lock behind the escaping: nothing that peers wrote can load or run anything.
    writeln!(
        page,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )?;
    writeln!(
        page,
        "<title>Handclasp trace: {a} and {b}</title>\n<style>\n{STYLE}</style>"
    )?;
    writeln!(
        page,
        "</head>\n<body>\n<h1>Handclasp trace: {a} and {b}</h1>\n<ul>"
    )?;
    for words in summary.words() {
        writeln!(page, "<li>{}</li>", Escaped(&words))?;
    }
    writeln!(page, "</ul>")?;
    write_ladder(page, ladder)?;
    if ladder.cut_off {
        writeln!(
            page,
            "<p>The trace ends here, in the middle of a line: its writing was interrupted.</p>"
        )?;
    }
    writeln!(page, "</body>\n</html>")
}

fn write_ladder(page: &mut String, ladder: &Ladder) -> fmt::Result {
    let height = TOP + STEP * (ladder.rows.len() + 1);
    let [a, b] = RAILS;
    writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"The ladder\">"
    )?;
    for (x, name) in [a, b].into_iter().zip(&ladder.rails) {
        let name = Escaped(name);
        writeln!(
            page,
            "<text class=\"name\" x=\"{x}\" y=\"20\">{name}</text>"
        )?;
        writeln!(
            page,
            "<line class=\"rail\" x1=\"{x}\" y1=\"30\" x2=\"{x}\" y2=\"{height}\"/>"
        )?;
    }
    for (index, row) in ladder.rows.iter().enumerate() {
        write_row(page, row, TOP + STEP * index)?;
    }
    writeln!(page, "</svg>")
}

fn write_row(page: &mut String, row: &Row, y: usize) -> fmt::Result {
    let unseen = match row.shape {
        Shape::Arrow(_, End::Unseen | End::Unrecorded) => " unseen",
        _ => "",
    };
    let text = Escaped(&row.text);
    write!(
        page,
        "<g class=\"{}{unseen}\"><title>{text}</title>",
        class(row.tone)
    )?;
    let time = RAILS[0] - 14;
    write!(
        page,
        "<text class=\"time\" x=\"{time}\" y=\"{y}\">{}</text>",
        millis(row.us)
    )?;
    match row.shape {
        Shape::Note(beside) => write_note(page, row, beside, y)?,
        Shape::Arrow(from, end) => write_arrow(page, row, (from, end), y)?,
    }
    writeln!(page, "</g>")
}

fn write_note(page: &mut String, row: &Row, beside: Option<usize>, y: usize) -> fmt::Result {
    let [a, b] = RAILS;
    let (x, class) = match beside {
        Some(0) => (a + 12, ""),
        Some(_) => (b - 12, " class=\"right\""),
        None => ((a + b) / 2, " class=\"middle\""),
    };
    let text = shortened(&row.text);
    write!(
        page,
        "<text{class} x=\"{x}\" y=\"{y}\">{}</text>",
        Escaped(&text)
    )
}

/// Its words stand on the line.
fn write_arrow(page: &mut String, row: &Row, (from, end): (usize, End), y: usize) -> fmt::Result {
    let [a, b] = RAILS;
    let (words, y) = (y, y + 5);
    let (start, tip) = if from == 0 { (a, b) } else { (b, a) };
    // Towards the tip, in pixels.
    let ahead = |x: i64, by: i64| if from == 0 { x + by } else { x - by };
    let begin = match end {
        End::FromElsewhere => ahead(start, 60),
        _ => start,
    };
    let reach = match end {
        End::Arrived | End::Unrecorded | End::FromElsewhere => ahead(tip, -2),
        End::Lost | End::Unseen | End::Stray | End::Dropped | End::Elsewhere => ahead(tip, -60),
    };
    write!(
        page,
        "<line x1=\"{begin}\" y1=\"{y}\" x2=\"{reach}\" y2=\"{y}\"/>"
    )?;
    let (back, up, down) = (ahead(reach, -8), y - 5, y + 5);
    match end {
        End::Arrived | End::Elsewhere | End::FromElsewhere => write!(
            page,
            "<path d=\"M{reach} {y}L{back} {up}V{down}Z\" fill=\"currentColor\"/>"
        )?,
        End::Lost | End::Stray | End::Dropped => write!(
            page,
            "<path d=\"M{reach} {up}L{back} {down}M{reach} {down}L{back} {up}\"/>"
        )?,
        End::Unrecorded => write!(
            page,
            "<path d=\"M{reach} {y}L{back} {up}V{down}Z\" fill=\"none\"/>"
        )?,
        End::Unseen => {}
    }
    let text = shortened(&row.text);
    let fate = match end {
        End::Arrived | End::Elsewhere | End::FromElsewhere => "",
        End::Lost => " (lost on purpose)",
        End::Unseen => " (not seen to arrive)",
        End::Unrecorded => " (arrival not recorded)",
        End::Stray => " (stray: dropped)",
        End::Dropped => " (dropped)",
    };
    let x = (a + b) / 2;
    write!(
        page,
        "<text class=\"middle\" x=\"{x}\" y=\"{words}\">{}{fate}</text>",
        Escaped(&text)
    )
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(FIT) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Ice => "ice",
        Tone::Handshake => "handshake",
        Tone::Data => "data",
        Tone::Plugin => "plugin",
        Tone::State => "state",
        Tone::Good => "good",
        Tone::Bad => "bad",
    }
}

/// A text as HTML has it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
