//! Real peers: other implementations of ICE and DTLS, those of ICE in a network namespace of their own.
mod aiortc;
mod endpoint;
mod namespace;
mod openssl;
mod skip;
mod srtp_keys;
mod venv;
