//! What has come of the peer's beside ICE's, by the first byte (RFC 7983).
use std::fmt;

/// The first byte of a record of DTLS that is an alert (RFC 6347 §4.1).
const ALERT: u8 = 21;

/// How many datagrams of each kind.
#[derive(Debug, Default)]
pub(super) struct Came {
    dtls: u64,
    alerts: u64,
    media: u64,
    others: u64,
}

impl Came {
    /// One more.
    pub(super) fn note(&mut self, datagram: &[u8]) {
        let count = match datagram.first() {
            Some(&ALERT) => &mut self.alerts,
            Some(20..=63) => &mut self.dtls,
            Some(128..=191) => &mut self.media,
            _ => &mut self.others,
        };
        *count += 1;
    }
}

/// Says "nothing but ICE's checks came", or what else: "3 datagrams of DTLS and 1 of RTP or RTCP came".
impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.dtls, "of DTLS"),
            (self.alerts, "of DTLS alerts"),
            (self.media, "of RTP or RTCP"),
            (self.others, "of another kind"),
        ];
        let mut came = kinds.iter().filter(|(count, _)| *count > 0);
        let Some((count, kind)) = came.next() else {
            return f.write_str("no datagram came but ICE's checks");
        };
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} datagram{plural} {kind}")?;
        came.try_for_each(|(count, kind)| write!(f, ", {count} {kind}"))?;
        f.write_str(" came")
    }
}

#[cfg(test)]
mod tests {
    use super::Came;

    #[test]
    fn what_came_is_told_by_its_first_byte() {
        let told = |datagrams: &[&[u8]]| {
            let mut came = Came::default();
            datagrams.iter().for_each(|it| came.note(it));
            came.to_string()
        };
        assert_eq!(told(&[]), "no datagram came but ICE's checks");
        assert_eq!(told(&[&[0x80, 0x60]]), "1 datagram of RTP or RTCP came");
        assert_eq!(
            told(&[&[22], &[22], &[21], &[191], b"hello"]),
            "2 datagrams of DTLS, 1 of DTLS alerts, 1 of RTP or RTCP, 1 of another kind came"
        );
    }
}
