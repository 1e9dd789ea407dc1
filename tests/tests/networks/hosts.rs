//! Two hosts and the cable between them.
use handclasp_tests::{Lacking, Namespace, need};

/// Of sides A and B, whose interface is `near`, with one address each, as `ip address add` takes it.
pub(crate) fn hosts(addresses: [&str; 2]) -> Result<[Namespace; 2], Lacking> {
    need("nft", "nftables")?;
    let hosts = [Namespace::new()?, Namespace::new()?];
    hosts[0].join("near", &hosts[1], "near");
    for (host, address) in hosts.iter().zip(addresses) {
        host.run(&format!("ip address add {address} dev near"));
    }
    Ok(hosts)
}

/// Two hosts on one network, between which everything gets through.
pub(crate) fn neighbours() -> Result<[Namespace; 2], Lacking> {
    hosts(["10.77.0.1/24", "10.77.0.2/24"])
}

/// From now on a host drops what its hook (`input`, `output`) sees that matches.
pub(crate) fn drop(host: &Namespace, hook: &str, matches: &str) {
    host.run(&format!(
        "nft -f - <<'END'
        table inet {hook}_rules {{
            chain these {{
                type filter hook {hook} priority filter;
                {matches} drop
            }}
        }}
END"
    ));
}
