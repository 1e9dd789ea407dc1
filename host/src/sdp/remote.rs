use super::needed::needed;
use super::{InitDataFormat, SdpError, Setup, candidate_component, check_credentials, limits};
use sdp_types::{Attribute, Media, Session};
use std::collections::HashSet;
use std::fmt;

/// What the peer told us.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteDescription {
    /// Username fragment of all components.
    pub ufrag: String,
    /// Password of all components.
    pub pwd: String,
    /// The peer only answers connectivity checks (RFC 8445, section 2.5).
    pub ice_lite: bool,
    /// Who starts the handshake, if the peer says so.
    pub setup: Option<Setup>,
    /// RTCP comes over component 1 if this side agrees: `a=rtcp-mux`, or `a=rtcp-mux-only` (RFC 5761, RFC 8858).
    pub rtcp_mux: bool,
    /// Component id (1 to 256) and line `candidate:…`, in the peer's order.
    pub candidates: Vec<(u16, String)>,
    /// No candidate will follow (RFC 8838).
    pub end_of_candidates: bool,
    /// What holds for the section: its own attributes, and those of the session it does not override.
    attributes: Vec<Attribute>,
}

/// Without the password.
impl fmt::Debug for RemoteDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteDescription")
            .field("ufrag", &self.ufrag)
            .field("ice_lite", &self.ice_lite)
            .field("setup", &self.setup)
            .field("rtcp_mux", &self.rtcp_mux)
            .field("candidates", &self.candidates)
            .field("end_of_candidates", &self.end_of_candidates)
            .finish_non_exhaustive()
    }
}

impl RemoteDescription {
    /// Reads a peer's SDP, with CRLF or LF at the end of its lines, and perhaps a byte order mark before them.
    ///
    /// Of several media sections the first counts that the peer has not refused, or the one that carries
    /// the transport of its bundle. Attributes of that section come before those of the session. A
    /// candidate without a component id is ignored, as are all attributes and lines ICE has no use for.
    ///
    /// # Errors
    /// A text that exceeds a limit or is no SDP; no usable section; missing or illegal credentials.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        limits::check(text)?;
        let session = Session::parse(needed(text).as_bytes())?;
        let media = transport_section(&session).ok_or(SdpError::NoMedia)?;
        let attributes = effective_attributes(&session, media);

        let credential = |name| find(&attributes, name).ok_or(SdpError::MissingCredential(name));
        let (ufrag, pwd) = (credential("ice-ufrag")?, credential("ice-pwd")?);
        check_credentials(ufrag, pwd)?;
        Ok(Self {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
            ice_lite: find(&attributes, "ice-lite").is_some(),
            setup: find(&attributes, "setup").map(str::parse).transpose()?,
            rtcp_mux: ["rtcp-mux", "rtcp-mux-only"]
                .into_iter()
                .any(|name| find(&attributes, name).is_some()),
            candidates: attributes.iter().filter_map(candidate).collect(),
            end_of_candidates: find(&attributes, "end-of-candidates").is_some(),
            attributes,
        })
    }

    /// What the peer's plugin produced for this component, in the form this side's plugin expects; `None`
    /// if the description has nothing for it.
    ///
    /// # Errors
    /// Opaque init data that is not base64.
    pub fn init_data(
        &self,
        plugin_id: &str,
        format: &InitDataFormat,
        component_id: u16,
    ) -> Result<Option<Vec<u8>>, SdpError> {
        format.read(plugin_id, component_id, &self.attributes)
    }
}

/// The first section that is not refused, or the one whose transport it shares: a bundle's transport is
/// described by the section its group names first (RFC 9143).
fn transport_section(session: &Session) -> Option<&Media> {
    let bundle_tag = |media: &Media| bundle_tag(session, find(&media.attributes, "mid")?);
    let first = session
        .medias
        .iter()
        .find(|media| media.port != 0 || bundle_tag(media).is_some())?;
    let tagged = bundle_tag(first).and_then(|tag| {
        session
            .medias
            .iter()
            .find(|media| find(&media.attributes, "mid") == Some(tag))
    });
    tagged.or(Some(first))
}

/// The first mid of the `a=group:BUNDLE` that has this mid.
fn bundle_tag<'a>(session: &'a Session, mid: &str) -> Option<&'a str> {
    let groups = session
        .attributes
        .iter()
        .filter(|attribute| attribute.attribute == "group");
    groups
        .filter_map(|group| group.value.as_deref()?.trim().strip_prefix("BUNDLE "))
        .find(|mids| mids.split_ascii_whitespace().any(|member| member == mid))
        .and_then(|mids| mids.split_ascii_whitespace().next())
}

/// The section's attributes, after those of the session whose names the section does not have.
fn effective_attributes(session: &Session, media: &Media) -> Vec<Attribute> {
    let own: HashSet<&str> = media
        .attributes
        .iter()
        .map(|own| own.attribute.as_str())
        .collect();
    let inherited = session
        .attributes
        .iter()
        .filter(|outer| !own.contains(outer.attribute.as_str()));
    inherited.chain(&media.attributes).cloned().collect()
}

/// The value of the first attribute of this name, empty if it has none.
fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    let attribute = attributes
        .iter()
        .find(|attribute| attribute.attribute == name)?;
    Some(attribute.value.as_deref().unwrap_or_default().trim())
}

fn candidate(attribute: &Attribute) -> Option<(u16, String)> {
    let value = attribute
        .value
        .as_deref()
        .filter(|_| attribute.attribute == "candidate")?;
    let line = format!("candidate:{}", value.trim());
    let component = candidate_component(&line);
    if component.is_none() {
        tracing::debug!(line, "ignored a remote candidate without a component id");
    }
    component.map(|component| (component, line))
}
