//! Real peers: other implementations of ICE and DTLS, those of ICE in a network namespace of their own.
mod aioice;
mod aiortc;
mod contact;
mod endpoint;
mod ffmpeg;
mod hidden;
mod host;
mod libnice;
mod lite;
mod mdns;
mod nice_peer;
mod openssl;
mod quiet;
mod relayed;
mod trickle;
mod venv;
