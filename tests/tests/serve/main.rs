//! The daemon: `handclasp serve`, driven through its control socket.
mod control;
mod http;
mod logs;
mod metrics;
mod swap;
