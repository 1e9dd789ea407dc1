//! The layout of DTLS records, as far as it is in the clear.

/// A record in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRecord {
    /// A handshake message that is not encrypted, by its type and sequence number.
    Handshake {
        /// Such as 1 for ClientHello (RFC 8446, appendix B.3).
        kind: u8,
        /// Its number among its sender's: the same again is a retransmission.
        sequence: u16,
        /// Where this fragment of it begins.
        offset: u32,
    },
    /// Any other that is not encrypted, by its content type.
    Plain(u8),
    /// An encrypted one of DTLS 1.2, by its content type.
    Encrypted(u8),
    /// An encrypted one of DTLS 1.3, which hides its type.
    Ciphertext,
}

const HANDSHAKE: u8 = 22;
/// Header of a record (RFC 6347, section 4.1).
const RECORD_HEADER: usize = 13;
/// Header of a handshake message (RFC 6347, section 4.2.2).
const MESSAGE_HEADER: usize = 12;
/// Epochs in the clear.
const EPOCH_0: [u8; 2] = [0, 0];

/// The records of a datagram that consists of nothing else; `None` for any other.
///
/// Records without a length (RFC 9147, section 4) are not taken for records: everything would look like one.
pub fn dtls_records(datagram: &[u8]) -> Option<Vec<DtlsRecord>> {
    let mut records = Vec::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let (record, after) = split_record(rest)?;
        records.push(record);
        rest = after;
    }
    (!records.is_empty()).then_some(records)
}

fn split_record(bytes: &[u8]) -> Option<(DtlsRecord, &[u8])> {
    match *bytes.first()? {
        20..=26 => split_plain(bytes),
        // The unified header 001CSLEE of 1.3: without connection id, with a length, sequence number of 8 or 16
        // bits.
        first if first & 0b1111_1100 == 0b0010_0100 => split_ciphertext(bytes.get(2..)?),
        first if first & 0b1111_1100 == 0b0010_1100 => split_ciphertext(bytes.get(3..)?),
        _ => None,
    }
}

/// DTLSPlaintext and the ciphertext of 1.2: type, version, epoch, sequence number, length.
fn split_plain(bytes: &[u8]) -> Option<(DtlsRecord, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<RECORD_HEADER>()?;
    let [kind, 0xfe, 0xff | 0xfd, e0, e1, .., l0, l1] = *head else {
        return None;
    };
    let (body, rest) = rest.split_at_checked(length(l0, l1))?;
    let record = match [e0, e1] {
        EPOCH_0 if kind == HANDSHAKE => handshake(body)?,
        EPOCH_0 => DtlsRecord::Plain(kind),
        _ => DtlsRecord::Encrypted(kind),
    };
    Some((record, rest))
}

/// From the length on.
fn split_ciphertext(bytes: &[u8]) -> Option<(DtlsRecord, &[u8])> {
    let (&[l0, l1], rest) = bytes.split_first_chunk()?;
    let (_, rest) = rest.split_at_checked(length(l0, l1))?;
    Some((DtlsRecord::Ciphertext, rest))
}

fn handshake(body: &[u8]) -> Option<DtlsRecord> {
    let head = body.first_chunk::<MESSAGE_HEADER>()?;
    Some(DtlsRecord::Handshake {
        kind: head[0],
        sequence: u16::from_be_bytes([head[4], head[5]]),
        offset: u32::from_be_bytes([0, head[6], head[7], head[8]]),
    })
}

fn length(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high, low]))
}
