//! Two DTLS sessions, whatever may arrive at them, and how it is cut into records.
#![no_main]
use handclasp_dtls_srtp_fuzz::Story;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|story: Story<'_>| story.play());
