//! A datagram's records, as the plugin tells them apart without keys.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| handclasp_dtls_srtp_fuzz::records(datagram));
