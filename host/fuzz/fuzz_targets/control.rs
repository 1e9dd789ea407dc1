//! What a program writes to `handclasp stream`: JSON lines.
#![no_main]
use handclasp::control::{Input, MAX_PAYLOAD, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new(data);
    let mut last = 0;
    while let Some(line) = reader.read().expect("memory can be read") {
        assert!(line.number > last, "each line has a number of its own");
        last = line.number;
        match line.input {
            Ok(Input::SendPayload { payload, .. }) => {
                assert!((1..=MAX_PAYLOAD).contains(&payload.len()));
            }
            Ok(Input::Message(_)) => {}
            Err(error) => {
                assert!(error.column >= 1);
                let _ = error.to_string();
            }
        }
    }
});
