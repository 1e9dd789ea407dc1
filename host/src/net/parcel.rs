//! Datagrams on their way to another event loop.
use crate::net::keys::ComponentKey;
use std::net::SocketAddr;

/// Datagrams for streams of one loop, in order, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    datagrams: Vec<u8>,
    entries: Vec<(Handed, usize)>,
}

/// Whose a datagram is, and where it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handed {
    pub(super) component: ComponentKey,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// The number of the loop to which the system gave it.
    pub(super) arrived: usize,
}

impl Parcel {
    pub(super) fn push(&mut self, handed: Handed, datagram: &[u8]) {
        self.datagrams.extend_from_slice(datagram);
        self.entries.push((handed, self.datagrams.len()));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Handed, &[u8])> {
        let starts = std::iter::once(0).chain(self.entries.iter().map(|(_, end)| *end));
        starts
            .zip(&self.entries)
            .map(|(start, &(handed, end))| (handed, &self.datagrams[start..end]))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.datagrams.len() + self.entries.len() * size_of::<(Handed, usize)>()
    }

    /// Bytes that a datagram takes in it.
    pub(super) fn weight(datagram: &[u8]) -> usize {
        datagram.len() + size_of::<(Handed, usize)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_out_as_they_went_in() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let handed = |stream| Handed {
            component: (stream, 1),
            local: at(1),
            remote: at(2),
            arrived: 0,
        };
        let mut parcel = Parcel::default();
        let contents: [&[u8]; 3] = [b"one", b"", b"three"];
        let mut weight = 0;
        for (stream, content) in (1..).zip(contents) {
            parcel.push(handed(stream), content);
            weight += Parcel::weight(content);
        }
        let out: Vec<_> = parcel.iter().collect();
        let expected = [
            (handed(1), contents[0]),
            (handed(2), b""),
            (handed(3), contents[2]),
        ];
        assert_eq!(out, expected);
        assert_eq!((parcel.len(), parcel.bytes()), (3, weight));
    }
}
