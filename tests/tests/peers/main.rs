//! Real peers: other implementations of ICE and DTLS, in a network namespace of their own.
mod aiortc;
mod host;
mod srtp_keys;
mod venv;
