//! A complete plugin.
use handclasp_plugin::*;
use std::time::Duration;

/// Each side says hello until it is greeted back, and greets back whenever it hears hello.
struct Hello {
    greeted: bool,
}

impl Hello {
    fn greet(&self, call: &Call<'_>) {
        call.packet(b"hello");
        call.deadline(call.now() + Duration::from_millis(250)); // again: UDP loses datagrams
    }
}

impl Handshake for Hello {
    fn init(_host: Host, _init: &Init<'_>, _call: &Call<'_>) -> Result<Started<Self>> {
        Ok(Started::Pending(Hello { greeted: false }))
    }

    fn connection_ready(&mut self, call: &Call<'_>) -> Result {
        self.greet(call);
        Ok(Status::Pending)
    }

    fn recv_from_peer(&mut self, datagram: &[u8], call: &Call<'_>) -> Result {
        match datagram {
            b"hello" => call.packet(b"hi there"), // finished or not: the last answer may be lost
            b"hi there" if !std::mem::replace(&mut self.greeted, true) => {
                call.clear_deadline();
                call.handshake_data(b"greeted");
                return Ok(Status::Finished);
            }
            _ => {} // bad input from the network is no failure
        }
        Ok(Status::Pending)
    }
}

impl Timer for Hello {
    fn on_deadline(&mut self, call: &Call<'_>) -> Result {
        if !self.greeted {
            self.greet(call);
        }
        Ok(Status::Pending)
    }
}

impl Classify for Hello {
    const FIRST_BYTES: FirstBytes = FirstBytes::range(b'h', b'h');
}

export! {
    handshake: Hello,
    id: c"hello",
    handshake_data_type: c"text",
    implements: [Timer, Classify],
}
