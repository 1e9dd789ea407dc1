/// Whether RTCP comes with RTP, over component 1 (RFC 5761).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpMux {
    /// It does not, or there is none.
    Off,
    /// It does if both sides say so: `a=rtcp-mux`.
    On,
    /// It has no other place: `a=rtcp-mux-only` besides (RFC 8858). For offers.
    Only,
}
