//! The daemon: `handclasp serve`, driven through its control socket.
mod canary;
mod changes;
mod clients;
mod control;
mod drops;
mod ends;
mod http;
mod killed;
mod logs;
mod metrics;
mod news;
mod swap;
mod takeover;
mod units;
