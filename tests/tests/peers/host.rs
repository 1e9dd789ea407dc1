//! A network with an ordinary address: some stacks never gather 127.0.0.1.
use handclasp_tests::{Lacking, Namespace};

/// Without a default route the address is one that some stacks leave out.
const SET_UP: &str = "
    ip link add near type veth peer name far
    ip link set near up
    ip link set far up
    ip address add 10.77.0.1/24 dev near
    ip route add default via 10.77.0.2";

pub(crate) fn host() -> Result<Namespace, Lacking> {
    let namespace = Namespace::new()?;
    namespace.run(SET_UP);
    Ok(namespace)
}
