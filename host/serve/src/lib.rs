//! The daemon `handclasp serve`: thousands of streams on one port, for programs that connect to a control socket.
//!
//! The modules, from the ground up; each uses only those above it in this list:
//!
//! - [`config`]: the configuration file;
//! - [`trust`]: which plugins may be used: `plugins.lock` and signatures;
//! - `udp_sockets`: this machine's, as the system lists them;
//! - `port_holder`: who has a port;
//! - `settings`: what the configuration comes to;
//! - `admission`: whether one more stream is taken on;
//! - `request`: what a controller asks;
//! - `news`: what happens to the daemon as a whole;
//! - `outbox`: what waits to be written on a connection;
//! - `plugins`: generations, and what becomes one;
//! - `metrics`: what is counted;
//! - `streams`: all streams, by name;
//! - `takeover`: what passes to a daemon that takes the place of another;
//! - `daemon`: what the daemon can be asked to do;
//! - [`control`]: the control socket;
//! - `http`: metrics and health;
//! - `systemd`: what is said to it;
//! - [`run()`]: the daemon from its start to its end.
mod admission;
pub mod config;
pub mod control;
mod daemon;
mod http;
mod metrics;
mod news;
mod outbox;
mod plugins;
mod port_holder;
mod request;
mod run;
mod settings;
mod streams;
mod systemd;
mod takeover;
pub mod trust;
mod udp_sockets;

pub use run::{ServeError, Start, run};
pub use takeover::AskError;
