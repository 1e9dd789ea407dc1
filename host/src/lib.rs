//! placeholder

pub mod ice;
