mod contents;
mod dtls;
#[cfg(target_os = "linux")]
mod file;
mod reading;
mod strategy;

use super as trace;
