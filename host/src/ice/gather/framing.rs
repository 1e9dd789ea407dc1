//! The messages in a stream of bytes from a relay (RFC 8656 §12.5 and §3.1): STUN messages,
//! and ChannelData padded to four bytes.

/// Bytes of a STUN header, and of a ChannelData header.
const STUN_HEADER: usize = 20;
const CHANNEL_HEADER: usize = 4;

/// Takes bytes as they come and gives messages.
///
/// A message says in two bytes how long it is: no more than 64 KiB ever wait.
#[derive(Debug, Default)]
pub(super) struct Framing {
    bytes: Vec<u8>,
    taken: usize,
}

/// What came is neither STUN nor ChannelData: no telling where the next message begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OutOfStep {
    #[error("it answers in HTTP: a web server, or a proxy on the way, is at this port")]
    Http,
    #[error("it answers in TLS: write turns: in place of turn:")]
    Tls,
    #[error("what it sends is not TURN")]
    Unknown,
}

/// How an answer in HTTP begins. As ChannelData it would be of channel 0x4854, which is never asked for.
const HTTP: &[u8] = b"HTTP";
/// How a record of TLS begins: an alert or a handshake message, of version 3.x.
const TLS: [u8; 2] = [21, 22];
const TLS_VERSION: u8 = 3;

impl Framing {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, ChannelData without its padding.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, OutOfStep> {
        let rest = &self.bytes[self.taken..];
        let [first, second, high, low, ..] = *rest else {
            return Ok(None);
        };
        if rest.starts_with(HTTP) {
            return Err(OutOfStep::Http);
        }
        let said = usize::from(u16::from_be_bytes([high, low]));
        let length = match first {
            0..=3 => STUN_HEADER + said,
            64..=79 => CHANNEL_HEADER + said,
            _ if TLS.contains(&first) && second == TLS_VERSION => return Err(OutOfStep::Tls),
            _ => return Err(OutOfStep::Unknown),
        };
        let padded = length.next_multiple_of(4);
        if rest.len() < padded {
            return Ok(None);
        }
        self.taken += padded;
        Ok(Some(&rest[..length]))
    }
}

/// Pads a message to what a stream asks for.
pub(super) fn pad(message: &mut Vec<u8>) {
    message.resize(message.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::{Framing, OutOfStep, pad};
    use proptest::prelude::*;

    fn channel(data: &[u8]) -> Vec<u8> {
        let mut message = vec![0x40, 1];
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
        message
    }

    fn stun(words: usize) -> Vec<u8> {
        let mut message = vec![0, 1];
        message.extend(u16::try_from(words * 4).unwrap().to_be_bytes());
        message.resize(20 + words * 4, 7);
        message
    }

    fn all(framing: &mut Framing) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while let Some(message) = framing.next().expect("in step") {
            messages.push(message.to_vec());
        }
        messages
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_the_stream_is_cut(
            sizes in prop::collection::vec((any::<bool>(), 0..300_usize), 1..8),
            cuts in prop::collection::vec(1..64_usize, 1..50),
        ) {
            let sent: Vec<Vec<u8>> = sizes
                .iter()
                .map(|(is_stun, size)| if *is_stun { stun(size / 4) } else { channel(&vec![9; *size]) })
                .collect();
            let mut stream = Vec::new();
            for message in &sent {
                let mut message = message.clone();
                pad(&mut message);
                stream.extend(message);
            }
            let (mut framing, mut came) = (Framing::default(), Vec::new());
            let mut cuts = cuts.iter().cycle();
            while !stream.is_empty() {
                let cut = (*cuts.next().unwrap()).min(stream.len());
                framing.push(&stream.drain(..cut).collect::<Vec<_>>());
                came.extend(all(&mut framing));
            }
            prop_assert_eq!(came, sent);
        }

        #[test]
        fn whatever_comes_is_cut_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut framing = Framing::default();
            framing.push(&bytes);
            while let Ok(Some(_)) = framing.next() {}
        }
    }

    #[test]
    fn what_is_no_message_ends_the_stream() {
        let mut framing = Framing::default();
        framing.push(b"<html>400 Bad Request");
        assert_eq!(framing.next(), Err(OutOfStep::Unknown));
    }

    #[test]
    fn servers_of_other_protocols_are_known() {
        for (said, error) in [
            (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], OutOfStep::Http),
            (&[21, 3, 3, 0, 2, 2, 40][..], OutOfStep::Tls),
        ] {
            let mut framing = Framing::default();
            framing.push(said);
            assert_eq!(framing.next(), Err(error));
        }
    }
}
