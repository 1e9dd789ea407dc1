//! Datagrams to many addresses in one system call, where there is such a call.
use mio::net::UdpSocket;
use std::net::SocketAddr;

/// Sends up to [`MAX_GROUPS`](crate::net::udp::batch::MAX_GROUPS) datagrams in order. Returns how many have left; the next
/// one could not, for a reason that sending it alone tells.
#[cfg(target_os = "linux")]
pub(in crate::net) fn send_many<'a>(
    socket: &UdpSocket,
    datagrams: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])>,
) -> usize {
    use crate::net::udp::batch::MAX_GROUPS;
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
    use std::array::from_fn;
    use std::io::IoSlice;
    use std::slice::from_ref;

    let count = datagrams.len().min(MAX_GROUPS);
    let mut remotes: [Option<SocketAddrAny>; MAX_GROUPS] = [const { None }; MAX_GROUPS];
    let mut contents = [IoSlice::new(&[]); MAX_GROUPS];
    for ((to, slice), (remote, datagram)) in remotes.iter_mut().zip(&mut contents).zip(datagrams) {
        (*to, *slice) = (Some(remote.into()), IoSlice::new(datagram));
    }
    let mut controls: [_; MAX_GROUPS] = from_fn(|_| SendAncillaryBuffer::default());
    let mut parts = remotes.iter().zip(&contents).zip(&mut controls);
    let mut headers: [MMsgHdr<'_>; MAX_GROUPS] = from_fn(|_| {
        let ((remote, slice), control) = parts.next().expect("as many as headers");
        match remote {
            Some(remote) => MMsgHdr::new_with_addr(remote, from_ref(slice), control),
            None => MMsgHdr::new(&[], control), // not sent
        }
    });
    sendmmsg(socket, &mut headers[..count], SendFlags::empty()).unwrap_or(0)
}

/// None leaves like this: each leaves alone.
#[cfg(not(target_os = "linux"))]
pub(in crate::net) fn send_many<'a>(
    _socket: &UdpSocket,
    _datagrams: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])>,
) -> usize {
    0
}
