use super::{fixtures::CHROME, local};
use crate::sdp::{InitDataFormat, LocalDescription, RemoteDescription, SdpError};
use crate::sdp::{MAX_CANDIDATES, MAX_LINE, MAX_LINES, MAX_SECTIONS, MAX_TEXT};

/// Chrome's description has 18 lines, one section and one candidate.
fn chrome_and(more: &str, times: usize) -> Result<RemoteDescription, SdpError> {
    RemoteDescription::parse(&format!("{CHROME}{}", more.repeat(times)))
}

#[test]
fn lines_are_bounded() {
    assert!(chrome_and("a=x\n", MAX_LINES - 18).is_ok());
    let refused = chrome_and("a=x\n", MAX_LINES - 17);
    assert_eq!(
        refused,
        Err(SdpError::TooMany {
            what: "lines",
            limit: MAX_LINES,
            line: MAX_LINES + 1
        })
    );
    assert!(chrome_and(&format!("a={}\r\n", "x".repeat(MAX_LINE - 2)), 1).is_ok());
    let refused = chrome_and(&format!("a={}\r\n", "x".repeat(MAX_LINE - 1)), 1);
    assert_eq!(refused, Err(SdpError::LineTooLong { line: 19 }));
}

#[test]
fn sections_are_bounded() {
    let section = "m=audio 0 RTP/AVP 0\r\n";
    assert!(chrome_and(section, MAX_SECTIONS - 1).is_ok());
    let refused = chrome_and(section, MAX_SECTIONS);
    let line = 18 + MAX_SECTIONS;
    assert_eq!(
        refused,
        Err(SdpError::TooMany {
            what: "media sections",
            limit: MAX_SECTIONS,
            line
        })
    );
}

#[test]
fn candidates_are_bounded() {
    let candidate = "a=candidate:1 1 udp 1 10.77.0.1 9 typ host\r\n";
    let accepted = chrome_and(candidate, MAX_CANDIDATES - 1).expect("as many as allowed");
    assert_eq!(accepted.candidates.len(), MAX_CANDIDATES);
    let refused = chrome_and(candidate, MAX_CANDIDATES);
    let line = 18 + MAX_CANDIDATES;
    assert_eq!(
        refused,
        Err(SdpError::TooMany {
            what: "candidates",
            limit: MAX_CANDIDATES,
            line
        })
    );
}

#[test]
fn text_is_bounded() {
    let line = format!("a={}\n", "x".repeat(1021));
    let refused = chrome_and(&line, MAX_TEXT / line.len());
    assert_eq!(
        refused,
        Err(SdpError::TextTooLong {
            bytes: CHROME.len() + MAX_TEXT
        })
    );
}

#[test]
fn nothing_is_written_beyond_the_limits() {
    let candidates =
        vec!["candidate:1 1 udp 1 10.77.0.1 9 typ host".to_owned(); MAX_CANDIDATES + 1];
    let text = LocalDescription {
        candidates: &candidates,
        ..local(&InitDataFormat::Opaque)
    }
    .to_sdp();
    assert!(matches!(
        text,
        Err(SdpError::TooMany {
            what: "candidates",
            ..
        })
    ));
}

#[test]
fn refusals_of_the_grammar_name_the_line_and_nothing_the_peer_sent() {
    let message = |text: &str| {
        RemoteDescription::parse(text)
            .expect_err("not SDP")
            .to_string()
    };
    assert!(message("").contains("No version line"));
    assert!(message("v=0\nbroken\n").contains("line 2"));
    assert!(message("v=0\ns=-\nm=audio many RTP/AVP\n").contains("line 3"));
    assert!(message("v=0\na=bare\rreturn\n").contains("line 2"));
    let version = message("v=\u{1b}[2J\n");
    assert!(version.contains("line 1") && !version.contains('\u{1b}'));
}
