//! The records of a DTLS datagram in a few words.
use handclasp::trace::DtlsRecord;

/// The records of a datagram; what comes several times in a row is counted.
pub(super) fn words(records: &[DtlsRecord]) -> String {
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut before = None;
    for record in records {
        let name = record_name(record);
        let fragment = matches!((record, before), (
            DtlsRecord::Handshake { sequence, .. },
            Some(DtlsRecord::Handshake { sequence: last, .. }),
        ) if *sequence == last);
        match names.last_mut() {
            Some((last, count)) if *last == name => *count += usize::from(!fragment),
            _ => names.push((name, 1)),
        }
        before = Some(*record);
    }
    let words = names.into_iter().map(|(name, count)| match count {
        1 => name,
        _ => format!("{name} ×{count}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn record_name(record: &DtlsRecord) -> String {
    match record {
        DtlsRecord::Ciphertext => "encrypted".to_owned(),
        DtlsRecord::Plain(kind) => content_type(*kind),
        DtlsRecord::Encrypted(kind) => format!("encrypted {}", content_type(*kind)),
        DtlsRecord::Handshake { kind, .. } => handshake_type(*kind),
    }
}

/// IANA's registry of TLS content types.
fn content_type(kind: u8) -> String {
    let name = match kind {
        20 => "ChangeCipherSpec",
        21 => "Alert",
        22 => "Handshake",
        23 => "Data",
        26 => "ACK",
        _ => return format!("record of type {kind}"),
    };
    name.to_owned()
}

/// IANA's registry of TLS handshake types.
fn handshake_type(kind: u8) -> String {
    let name = match kind {
        0 => "HelloRequest",
        1 => "ClientHello",
        2 => "ServerHello",
        3 => "HelloVerifyRequest",
        4 => "NewSessionTicket",
        8 => "EncryptedExtensions",
        11 => "Certificate",
        12 => "ServerKeyExchange",
        13 => "CertificateRequest",
        14 => "ServerHelloDone",
        15 => "CertificateVerify",
        16 => "ClientKeyExchange",
        20 => "Finished",
        _ => return format!("handshake message of type {kind}"),
    };
    name.to_owned()
}
