//! The peer's init data: its fingerprints.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|init_data: &[u8]| handclasp_dtls_srtp_fuzz::fingerprints(init_data));
