//! The handshake that is over before it starts: data flows as soon as ICE allows it.
use handclasp_plugin::{Call, Handshake, Host, Init, Result, Started, Status, export};

struct Nothing;

impl Handshake for Nothing {
    fn init(_host: Host, _init: &Init<'_>, _call: &Call<'_>) -> Result<Started<Self>> {
        Ok(Started::Finished)
    }

    fn connection_ready(&mut self, _call: &Call<'_>) -> Result {
        Ok(Status::Pending)
    }

    fn recv_from_peer(&mut self, _datagram: &[u8], _call: &Call<'_>) -> Result {
        Ok(Status::Pending)
    }
}

export! {
    handshake: Nothing,
    id: c"none",
    name: c"No handshake",
    vendor: c"The Handclasp authors",
    license: c"MIT OR Apache-2.0",
    description: c"Finishes in init: data flows as soon as ICE allows it",
}
