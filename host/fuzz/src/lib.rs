//! What the fuzz targets share.
mod stun;
mod tamper;

pub use stun::{Made, password_of, sign};
pub use tamper::Tamper;
