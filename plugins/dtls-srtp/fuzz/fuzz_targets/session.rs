//! Two DTLS sessions, and whatever may arrive at them.
#![no_main]
use handclasp_dtls_srtp_fuzz::Story;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|story: Story<'_>| story.play());
