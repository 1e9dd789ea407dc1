//! A complete plugin.
use handclasp_plugin::*;

/// Both sides say hello, and whoever is greeted back is done.
struct Hello(bool);

impl Handshake for Hello {
    fn init(_host: Host, _init: &Init<'_>, _call: &Call<'_>) -> Result<Started<Self>> {
        Ok(Started::Pending(Hello(false)))
    }

    fn connection_ready(&mut self, call: &Call<'_>) -> Result {
        call.packet(b"hello");
        Ok(Status::Pending)
    }

    fn recv_from_peer(&mut self, datagram: &[u8], call: &Call<'_>) -> Result {
        match datagram {
            b"hello" => call.packet(b"hi there"),
            b"hi there" if !std::mem::replace(&mut self.0, true) => {
                call.handshake_data(b"greeted");
                return Ok(Status::Finished);
            }
            _ => {} // bad input from the network is no failure
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
    implements: [Classify],
}
