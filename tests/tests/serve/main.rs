//! The daemon: `handclasp serve`, driven through its control socket.
mod canary;
mod control;
mod ends;
mod http;
mod logs;
mod metrics;
mod swap;
