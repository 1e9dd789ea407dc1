//! Who has a port.
use crate::udp_sockets;
use std::fs;
use std::path::Path;

/// The process that has a UDP port of this machine's, if the system tells: its number and its name.
pub(crate) fn holder(port: u16) -> Option<(u32, String)> {
    let socket = udp_sockets::at(port).into_iter().next()?;
    let link = format!("socket:[{}]", socket.inode);
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut processes = processes.filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        has(&entry.path(), &link).then_some(process)
    });
    let process: u32 = processes.next()?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    Some((process, name.trim().to_owned()))
}

/// Whether a process has this open; of other users' it is not known.
fn has(process: &Path, link: &str) -> bool {
    let descriptors = fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten();
    let mut links = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    links.any(|to| to.as_os_str() == link)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn this_process_has_the_port_that_it_has_bound() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there are ports left");
        let port = socket.local_addr().expect("it is bound").port();
        let (process, name) = holder(port).expect("the system tells");
        assert_eq!(process, std::process::id());
        assert!(!name.is_empty());
        drop(socket);
        assert_eq!(holder(port), None);
    }
}
