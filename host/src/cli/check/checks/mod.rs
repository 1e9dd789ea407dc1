//! The checks, each beside its sentence. `file` reads the library; the others call it.
pub(crate) mod close;
pub(crate) mod export;
pub(crate) mod file;
pub(crate) mod handshake;
pub(crate) mod init;
pub(crate) mod init_data;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod noise;
pub(crate) mod options;
pub(crate) mod packets;
pub(crate) mod silence;
pub(crate) mod sizes;
pub(crate) mod threads;
pub(crate) mod time;
pub(crate) mod wrong_peer;
