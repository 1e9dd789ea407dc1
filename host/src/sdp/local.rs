use super::{
    InitDataFormat, RtcpMux, SdpError, Setup, candidate_component, check_credentials, limits,
};
use sdp_types::{AddrType, Attribute, Connection, Media, Origin, Session};
use std::net::{Ipv4Addr, SocketAddr};

/// What this side tells its peer.
#[derive(Clone)]
pub struct LocalDescription<'a> {
    /// Below 2^63 (RFC 8829, section 5.2.1), chosen at random, the same for the life of the stream.
    pub session_id: u64,
    /// One more for each description that differs from the last (RFC 8866, section 5.2).
    pub session_version: u64,
    /// Username fragment, the same for all components.
    pub ufrag: &'a str,
    /// Password, the same for all components.
    pub pwd: &'a str,
    /// This side only answers connectivity checks (RFC 8445, section 2.5).
    pub ice_lite: bool,
    /// Who starts the handshake.
    pub setup: Setup,
    /// Whether RTCP comes over component 1.
    pub rtcp_mux: RtcpMux,
    /// Addresses of the default candidates of components 1, 2, … in this order; none before there is one
    /// (RFC 8840).
    pub default_addresses: &'a [Option<SocketAddr>],
    /// Lines `candidate:…` (RFC 8839, section 5.1), of all components.
    pub candidates: &'a [String],
    /// No candidate will follow (RFC 8838).
    pub end_of_candidates: bool,
    /// The id of the plugin whose init data this is.
    pub plugin_id: &'a str,
    /// What the plugin declares its init data to be.
    pub init_data_format: &'a InitDataFormat,
    /// What the plugin's `init` produced for components 1, 2, … in this order.
    pub init_data: &'a [Option<&'a [u8]>],
}

impl LocalDescription<'_> {
    /// Writes the description as SDP, its lines ended by CRLF.
    ///
    /// # Errors
    /// What no peer could read or what a plugin must not write: illegal credentials or candidates, init
    /// data that is not of the declared format, a text beyond the limits this host sets to its peers.
    pub fn to_sdp(&self) -> Result<String, SdpError> {
        check_credentials(self.ufrag, self.pwd)?;
        let origin =
            Origin::with_ip_addr(self.session_id, self.session_version, Ipv4Addr::LOCALHOST);
        let mut session = Session::new(origin, "-");
        if self.ice_lite {
            session.attributes.push(Attribute::new("ice-lite"));
        }
        session.medias.push(self.media()?);
        let text = session.to_string();
        limits::check(&text)?;
        Ok(text)
    }

    fn media(&self) -> Result<Media, SdpError> {
        let address = self.default_addresses.first().copied().flatten();
        let address = default_address(address);
        Ok(Media {
            media: "application".into(),
            port: address.port(),
            num_ports: None,
            proto: "udp".into(),
            fmt: "octet-stream".into(),
            media_title: None,
            connections: vec![Connection::from_ip_addr(address.ip())],
            bandwidths: Vec::new(),
            key: None,
            attributes: self.attributes()?,
        })
    }

    fn attributes(&self) -> Result<Vec<Attribute>, SdpError> {
        let mut attributes = vec![
            Attribute::with_value("mid", "0"),
            Attribute::with_value("ice-ufrag", self.ufrag),
            Attribute::with_value("ice-pwd", self.pwd),
            Attribute::with_value("ice-options", "ice2 trickle"),
            Attribute::with_value("setup", self.setup),
        ];
        if let Some(address) = self.default_addresses.get(1) {
            attributes.push(rtcp_attribute(default_address(*address)));
        }
        if self.rtcp_mux != RtcpMux::Off {
            attributes.push(Attribute::new("rtcp-mux"));
        }
        if self.rtcp_mux == RtcpMux::Only {
            attributes.push(Attribute::new("rtcp-mux-only"));
        }
        attributes.extend(
            self.init_data_format
                .write(self.plugin_id, self.init_data)?,
        );
        for candidate in self.candidates {
            attributes.push(candidate_attribute(candidate)?);
        }
        if self.end_of_candidates {
            attributes.push(Attribute::new("end-of-candidates"));
        }
        Ok(attributes)
    }
}

/// Port 9 of an unspecified address if there is nothing to send to yet (RFC 8840). Port 0 would refuse the
/// section.
fn default_address(known: Option<SocketAddr>) -> SocketAddr {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9));
    known
        .filter(|address| address.port() != 0)
        .unwrap_or(nowhere)
}

/// Where RTCP goes without ICE (RFC 3605).
fn rtcp_attribute(address: SocketAddr) -> Attribute {
    let (ip, port) = (address.ip(), address.port());
    Attribute::with_value("rtcp", format!("{port} IN {} {ip}", AddrType::from(ip)))
}

fn candidate_attribute(line: &str) -> Result<Attribute, SdpError> {
    match (candidate_component(line), line.split_once(':')) {
        (Some(_), Some((name, value))) if !line.contains(char::is_control) => {
            Ok(Attribute::with_value(name, value))
        }
        _ => Err(SdpError::BadCandidate(line.to_owned())),
    }
}
