use super::*;
use proptest::prelude::*;

const CERTIFICATE: &[u8] = b"a certificate";

fn line(certificate: &[u8], hash: Hash) -> String {
    format!("fingerprint:{}", Fingerprint::of(certificate, hash))
}

fn kind(result: Result<impl fmt::Debug>) -> String {
    let error = result.expect_err("should be refused");
    format!("{error:?}")
}

#[test]
fn a_fingerprint_is_shown_in_capitals() {
    let shown = Fingerprint::sha256(b"").to_string();
    assert!(shown.starts_with("sha-256 E3:B0:C4:42:98:FC"));
    assert_eq!(shown.len(), "sha-256 ".len() + 95);
}

#[test]
fn the_promised_certificate_is_accepted_and_another_refused() {
    for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        let promised = Fingerprints::parse(line(CERTIFICATE, hash).as_bytes()).unwrap();
        promised.verify(CERTIFICATE).unwrap();
        let refusal = kind(promised.verify(b"another"));
        assert!(refusal.contains("Authentication"), "{refusal}");
        assert!(refusal.contains(&Fingerprint::of(CERTIFICATE, hash).to_string()));
        assert!(refusal.contains(&Fingerprint::of(b"another", hash).to_string()));
    }
}

#[test]
fn case_prefix_and_line_endings_do_not_matter() {
    let lower = line(CERTIFICATE, Hash::Sha256).to_lowercase();
    let upper = format!(
        "a=fingerprint:{}",
        lower["fingerprint:".len()..].to_uppercase()
    );
    for text in [
        lower.clone(),
        upper,
        format!("setup:active\r\n{lower} \r\n"),
    ] {
        let promised = Fingerprints::parse(text.as_bytes()).unwrap();
        promised.verify(CERTIFICATE).unwrap();
    }
}

#[test]
fn any_line_of_the_strongest_hash_may_match() {
    let text = [
        line(b"weaker", Hash::Sha256),
        line(b"first", Hash::Sha384),
        line(b"weaker too", Hash::Sha256),
        line(CERTIFICATE, Hash::Sha384),
    ]
    .join("\n");
    let promised = Fingerprints::parse(text.as_bytes()).unwrap();
    promised.verify(CERTIFICATE).unwrap();
    promised.verify(b"first").unwrap();
    assert!(promised.verify(b"weaker").is_err());
    assert!(promised.verify(b"weaker too").is_err());
}

#[test]
fn without_a_usable_fingerprint_the_peer_is_refused() {
    let sha1 = "fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
    let md5 = "fingerprint:md5 D4:1D:8C:D9:8F:00:B2:04:E9:80:09:98:EC:F8:42:7E";
    for text in ["", "\n", "setup:active", sha1, md5] {
        let refusal = kind(Fingerprints::parse(text.as_bytes()));
        assert!(refusal.contains("PeerRejected"), "{refusal}");
    }
}

#[test]
fn init_data_of_another_plugin_is_known_as_such() {
    for other in [&b"\xff\xfe"[..], b"challenge 7", b"setup:active"] {
        let refusal = Fingerprints::parse(other).unwrap_err().to_string();
        assert!(
            refusal.ends_with("does it run another plugin?"),
            "{refusal}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let good = line(CERTIFICATE, Hash::Sha256);
    let short = good[..good.len() - 3].to_owned();
    let wrong_hash = good.replace("sha-256", "sha-512");
    let sign = good.replacen(&good[20..22], "+A", 1);
    let split = good.replacen(':', ": ", 2);
    for text in [
        short,
        wrong_hash,
        sign,
        split,
        "fingerprint:sha-256".to_owned(),
    ] {
        let refusal = kind(Fingerprints::parse(text.as_bytes()));
        assert!(refusal.contains("PeerRejected"), "{text}: {refusal}");
    }
    assert!(Fingerprints::parse(b"fingerprint:\xff").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Fingerprints::parse(&bytes);
    }

    #[test]
    fn almost_fingerprints_never_panic(
        lines in prop::collection::vec("(a=)?fingerprint:(sha-256|SHA-384|sha-1)? ?[0-9a-fA-F:+é]{0,150}", 0..4)
    ) {
        let _ = Fingerprints::parse(lines.join("\n").as_bytes());
    }

    #[test]
    fn what_is_shown_can_be_read(certificate in prop::collection::vec(any::<u8>(), 0..64), strong: bool) {
        let hash = if strong { Hash::Sha512 } else { Hash::Sha256 };
        let promised = Fingerprints::parse(line(&certificate, hash).as_bytes()).unwrap();
        prop_assert!(promised.verify(&certificate).is_ok());
    }

    #[test]
    fn one_altered_digit_is_enough(certificate: [u8; 16], at in 0usize..32, bit in 0u8..8) {
        let mut altered = Fingerprint::sha256(&certificate);
        altered.digest[at] ^= 1 << bit;
        let promised = Fingerprints::parse(format!("fingerprint:{altered}").as_bytes()).unwrap();
        prop_assert!(promised.verify(&certificate).is_err());
    }
}
