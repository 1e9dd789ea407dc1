//! Interfaces that lead to containers and virtual machines of this machine, and nowhere else.
use crate::net::addresses::glob;
use std::path::Path;

/// What container engines and hypervisors call theirs.
const WELL_KNOWN: [&str; 7] = [
    "docker0", "br-*", "veth*", "virbr*", "cni*", "flannel*", "cali*",
];

/// Whether an interface is a bridge, a port of one, or one end of a virtual cable (veth); by its name where the system
/// does not say.
pub(in crate::net) fn is_virtual(name: &str, index: Option<u32>) -> bool {
    let is_well_known = || WELL_KNOWN.iter().any(|known| glob::matches(known, name));
    is_well_known() || cfg!(target_os = "linux") && is_virtual_in("/sys/class/net", name, index)
}

/// The same by what the kernel shows of it in a directory.
fn is_virtual_in(directory: impl AsRef<Path>, name: &str, index: Option<u32>) -> bool {
    if name.contains('/') || name.starts_with('.') {
        return false;
    }
    let directory = directory.as_ref().join(name);
    let number = |file: &str| -> Option<u32> {
        let text = std::fs::read_to_string(directory.join(file)).ok()?;
        text.trim().parse().ok()
    };
    // The directory may be of another network namespace, in which the name is another interface's.
    let Some(own) = number("ifindex").filter(|own| index.is_none_or(|index| index == *own)) else {
        return false;
    };
    let has = |file: &str| directory.join(file).exists();
    if has("bridge") || has("brport") {
        return true;
    }
    // A cable of the kernel's own has no device and stands on no other interface, yet names one: its other end.
    let is_cable =
        number("iflink").is_some_and(|other| other != own && other != 0) && !has("device");
    is_cable && !stands_on_another(&directory) && !has_kind(&directory)
}

/// As VLANs, MACVLANs and the like do.
fn stands_on_another(directory: &Path) -> bool {
    let mut entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"lower_"))
}

/// Such as `vlan`, `vxlan`, `wireguard` or `wlan`; a cable has none.
fn has_kind(directory: &Path) -> bool {
    let told = std::fs::read_to_string(directory.join("uevent")).unwrap_or_default();
    told.lines().any(|line| line.starts_with("DEVTYPE="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What the kernel shows of an interface with index 7, with these files as well.
    fn shown(files: &[(&str, &str)]) -> bool {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let interface = directory.path().join("x0");
        fs::create_dir(&interface).expect("it is new");
        for (name, contents) in [("ifindex", "7\n")].iter().chain(files) {
            fs::write(interface.join(name), contents).expect("it is ours");
        }
        is_virtual_in(directory.path(), "x0", Some(7))
    }

    #[test]
    fn bridges_their_ports_and_virtual_cables_are_virtual() {
        assert!(shown(&[("iflink", "7\n"), ("bridge", "")]), "a bridge");
        assert!(shown(&[("iflink", "7\n"), ("brport", "")]), "its port");
        assert!(
            shown(&[("iflink", "9\n"), ("uevent", "IFINDEX=7\n")]),
            "veth"
        );
    }

    #[test]
    fn what_leads_outside_is_not_virtual() {
        let card = [("iflink", "7\n"), ("device", "")];
        assert!(!shown(&card), "a network card");
        assert!(!shown(&[("iflink", "7\n")]), "a tunnel of a VPN");
        assert!(!shown(&[("iflink", "0\n")]), "a tunnel without an end");
        assert!(!shown(&[("iflink", "2\n"), ("lower_eth0", "")]), "MACVLAN");
        let vlan = [("iflink", "2\n"), ("uevent", "DEVTYPE=vlan\nIFINDEX=7\n")];
        assert!(!shown(&vlan), "a VLAN");
    }

    #[test]
    fn another_namespaces_interface_of_the_same_name_says_nothing() {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let interface = directory.path().join("x0");
        fs::create_dir_all(interface.join("bridge")).expect("it is new");
        fs::write(interface.join("ifindex"), "7\n").expect("it is ours");
        assert!(is_virtual_in(directory.path(), "x0", Some(7)));
        assert!(!is_virtual_in(directory.path(), "x0", Some(8)));
        assert!(!is_virtual_in(directory.path(), "gone", Some(7)));
        assert!(!is_virtual_in(directory.path(), "../x0", Some(7)));
    }

    #[test]
    fn well_known_names_are_virtual_whatever_the_system_says() {
        for name in [
            "docker0",
            "br-0a1b2c",
            "veth12",
            "virbr0",
            "cni0",
            "flannel.1",
            "cali123",
        ] {
            assert!(is_virtual(name, None), "{name}");
        }
        for name in ["eth0", "enp3s0", "wlan0", "docker", "brand0"] {
            assert!(!is_virtual(name, None), "{name}");
        }
    }
}
