//! `[metrics]`: figures for Prometheus.
use super::key::{Key, Section, Visitor};
use super::kind::FromText;
use super::value::OrOff;
use std::net::SocketAddr;

/// Figures for Prometheus, and whether the daemon is healthy.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Where they are served over HTTP; nowhere if it is not given.
    pub listen: Option<SocketAddr>,
}

const ADDRESS: FromText<SocketAddr> = FromText {
    takes: "an address with a port, such as \"127.0.0.1:9478\" or \"[::1]:9478\"",
    parse: |text| {
        let address = text.parse::<SocketAddr>().ok();
        address.filter(|address| address.port() != 0).ok_or(None)
    },
    write: ToString::to_string,
};

impl Section for Metrics {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        visitor.key(
            Key::new("listen", "Serve metrics and health over HTTP here, such as \"127.0.0.1:9478\". There is neither a password nor TLS: whoever reaches the address can read them.")
                .restart("the address is bound when the daemon starts"),
            &mut OrOff(ADDRESS, &mut self.listen),
        );
    }
}
