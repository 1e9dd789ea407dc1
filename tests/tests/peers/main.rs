//! Real peers: other implementations of ICE and DTLS, in a network namespace of their own.
mod aioice;
mod aiortc;
mod contact;
mod host;
mod libnice;
mod nice_peer;
mod srtp_keys;
mod venv;
