//! The daemon: `handclasp serve`, driven through its control socket.
mod canary;
mod clients;
mod control;
mod ends;
mod http;
mod logs;
mod metrics;
mod swap;
mod takeover;
mod units;
