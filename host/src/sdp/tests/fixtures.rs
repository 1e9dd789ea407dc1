//! Descriptions as other implementations write them.

/// A data channel offered by Chromium, its addresses hidden behind mDNS.
pub(super) const CHROME: &str = "v=0\r
o=- 7614219274584779017 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0\r
a=extmap-allow-mixed\r
a=msid-semantic: WMS\r
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r
c=IN IP4 0.0.0.0\r
a=candidate:3388485749 1 udp 2113937151 6a6b4d5e-b6ee-4b0a-8f7d-1d7b9a6a53fa.local 51732 typ host generation 0 network-cost 999\r
a=ice-ufrag:1/MC\r
a=ice-pwd:O9uUGgKNmBSAe8LZOXWvQ9dO\r
a=ice-options:trickle\r
a=fingerprint:sha-256 1C:CA:32:F1:2B:0D:D1:5C:9C:F2:E1:A4:35:4B:6A:72:30:C5:D9:CB:11:1E:F5:B3:2A:0E:55:CC:57:2D:EE:BC\r
a=setup:actpass\r
a=mid:0\r
a=sctp-port:5000\r
a=max-message-size:262144\r
";

/// webrtcbin of GStreamer 1.22: an RSA certificate's fingerprint at session level, no group, LF.
pub(super) const GSTREAMER: &str = "v=0
o=- 5023374108327352961 0 IN IP4 0.0.0.0
s=-
t=0 0
a=ice-options:trickle
a=fingerprint:sha-256 7D:6A:0C:2E:1B:88:41:F3:C9:DA:5A:0F:55:E2:90:36:AA:B4:77:C1:3D:08:9E:62:FB:14:D7:4C:81:20:9B:E5
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=setup:actpass
a=ice-ufrag:VvG5yyCsDkXJTHbEPyt+kVcRBwiSA3ZS
a=ice-pwd:ehPUNqWvxrLsfyCCmGCYV0vXnGFGGj9F
a=rtcp-mux
a=rtcp-rsize
a=sendrecv
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=framerate:30
a=ssrc:2412348317 msid:user1521284@host-5a2b webrtctransceiver0
a=mid:video0
a=candidate:1 1 UDP 2015363327 10.77.0.1 47332 typ host
a=candidate:2 1 TCP 1015021823 10.77.0.1 9 typ host tcptype active
";

/// aiortc's answer: three fingerprints, candidates of both components, all of them present.
pub(super) const AIORTC: &str = "v=0\r
o=- 3914563200 3914563200 IN IP4 0.0.0.0\r
s=-\r
t=0 0\r
a=group:BUNDLE 0\r
a=msid-semantic:WMS *\r
m=application 54321 UDP/DTLS/SCTP webrtc-datachannel\r
c=IN IP4 10.77.0.2\r
a=mid:0\r
a=sctp-port:5000\r
a=max-message-size:65536\r
a=candidate:0f4e8d1a7b9e4f05a9b0cf0e9a3c8f5d 1 udp 2130706431 10.77.0.2 54321 typ host\r
a=candidate:0f4e8d1a7b9e4f05a9b0cf0e9a3c8f5d 2 udp 2130706430 fd77::2 54322 typ host\r
a=end-of-candidates\r
a=ice-ufrag:kmYC\r
a=ice-pwd:wbZSMCyrNRiLTDpYRDGZoY\r
a=fingerprint:sha-256 7D:6A\r
a=fingerprint:sha-384 1C:CA\r
a=fingerprint:sha-512 55:E2\r
a=setup:active\r
";

/// An offer of two bundled sections whose first is described by the second.
pub(super) const BUNDLE: &str = "v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE data audio
a=ice-lite
a=fingerprint:sha-256 00:00
m=video 0 UDP/TLS/RTP/SAVPF 96
a=mid:video
a=ice-ufrag:refused
a=ice-pwd:refusedrefusedrefusedre
m=audio 0 UDP/TLS/RTP/SAVPF 111
a=mid:audio
a=bundle-only
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:data
a=ice-ufrag:data
a=ice-pwd:datadatadatadatadatada
a=fingerprint:sha-256 11:11
";
