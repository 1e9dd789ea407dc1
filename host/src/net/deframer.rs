//! Datagrams in a stream of bytes: each behind its length in two bytes (RFC 4571, section 2).

/// Bytes of a length.
const HEADER: usize = 2;

/// Takes bytes as they come and gives datagrams, without a copy of those that come whole.
///
/// Of a datagram that has not come whole, no more waits than has come: below 64 KiB.
#[derive(Debug, Default)]
pub(super) struct Deframer {
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// Whether it is all of it, and was given out.
    is_whole: bool,
}

impl Deframer {
    /// The next datagram of what came before and of `bytes`, which is left with what is behind it. It may be
    /// empty.
    pub(super) fn next<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8]) -> Option<&'a [u8]> {
        if std::mem::take(&mut self.is_whole) {
            self.partial.clear();
        }
        if self.partial.is_empty()
            && let Some((frame, rest)) = split(bytes)
        {
            *bytes = rest;
            return Some(frame);
        }
        self.take(HEADER, bytes);
        let [high, low, ..] = self.partial[..] else {
            return None;
        };
        let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
        self.take(length, bytes);
        self.is_whole = self.partial.len() == length;
        self.is_whole.then(|| &self.partial[HEADER..])
    }

    /// How many bytes wait for the rest of their frame.
    pub(super) fn waiting(&self) -> usize {
        match self.is_whole {
            true => 0,
            false => self.partial.len(),
        }
    }

    /// Takes bytes until there are `length`.
    fn take(&mut self, length: usize, bytes: &mut &[u8]) {
        let lacking = length.saturating_sub(self.partial.len());
        let (taken, rest) = bytes.split_at(lacking.min(bytes.len()));
        self.partial.extend_from_slice(taken);
        *bytes = rest;
    }
}

/// A whole frame's datagram, and what is behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*header)))
}

/// The length that goes before a datagram; `None` if no frame can hold it.
pub(super) fn header(datagram: &[u8]) -> Option<[u8; HEADER]> {
    u16::try_from(datagram.len()).ok().map(u16::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::{Deframer, HEADER, header};
    use proptest::prelude::*;

    /// Most bytes of a datagram in a frame.
    const MAX_FRAME: usize = u16::MAX as usize;

    fn framed(datagrams: &[Vec<u8>]) -> Vec<u8> {
        let frames = datagrams.iter().map(|datagram| {
            let header = header(datagram).expect("it fits");
            [&header, &datagram[..]].concat()
        });
        frames.collect::<Vec<_>>().concat()
    }

    fn all(deframer: &mut Deframer, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        while let Some(datagram) = deframer.next(&mut bytes) {
            datagrams.push(datagram.to_vec());
        }
        assert!(bytes.is_empty(), "what is left is kept");
        datagrams
    }

    proptest! {
        #[test]
        fn datagrams_come_out_as_they_went_in_however_the_stream_is_cut(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
            cuts in prop::collection::vec(1..64_usize, 1..50),
        ) {
            let mut stream = framed(&sent);
            let (mut deframer, mut came) = (Deframer::default(), Vec::new());
            let mut cuts = cuts.iter().cycle();
            while !stream.is_empty() {
                let cut = (*cuts.next().expect("there is one")).min(stream.len());
                came.extend(all(&mut deframer, &stream.drain(..cut).collect::<Vec<_>>()));
            }
            prop_assert_eq!(came, sent);
            prop_assert_eq!(deframer.waiting(), 0);
        }

        #[test]
        fn whatever_comes_no_more_waits_than_came(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20),
        ) {
            let (mut deframer, mut came, mut given) = (Deframer::default(), 0, 0);
            for chunk in chunks {
                came += chunk.len();
                let datagrams = all(&mut deframer, &chunk);
                given += datagrams.iter().map(|datagram| HEADER + datagram.len()).sum::<usize>();
                prop_assert_eq!(deframer.waiting(), came - given);
            }
        }
    }

    #[test]
    fn the_longest_datagram_has_a_frame_and_a_longer_one_has_none() {
        let longest = [vec![7; MAX_FRAME]];
        let mut deframer = Deframer::default();
        assert_eq!(all(&mut deframer, &framed(&longest)), longest);
        assert_eq!(header(&vec![7; MAX_FRAME + 1]), None);
    }
}
