//! Real peers: other implementations of ICE and DTLS, in a network namespace of their own.
mod aiortc;
mod namespace;
mod skip;
mod srtp_keys;
mod venv;
