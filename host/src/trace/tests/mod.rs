mod contents;
mod dtls;
mod reading;
mod strategy;

use super as trace;
