//! The daemon: `handclasp serve`, driven through its control socket.
mod control;
mod swap;
