//! Two hosts and the cable between them.
use handclasp_tests::{Lacking, Namespace};

/// The interface of each is `near`.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Of sides A and B.
    pub(crate) hosts: [Namespace; 2],
}

impl Segment {
    /// Each host gets these addresses, as `ip address add` takes them.
    pub(crate) fn new(addresses: [&[&str]; 2]) -> Result<Self, Lacking> {
        let hosts = [Namespace::new()?, Namespace::new()?];
        hosts[0].join("near", &hosts[1], "near");
        for (host, addresses) in hosts.iter().zip(addresses) {
            for address in addresses {
                host.run(&format!("ip address add {address} dev near"));
            }
        }
        Ok(Self { hosts })
    }
}
