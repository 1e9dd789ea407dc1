//! The daemon: `handclasp serve`, driven through its control socket.
mod canary;
mod control;
mod ends;
mod swap;
