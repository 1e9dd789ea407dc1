//! Local addresses, and what is bound there.
//!
//! - `bind`: which of them are used, and ports there;
//! - `interfaces`: this machine's, and which of them are told;
//! - `virtual_interfaces`: what leads to containers only;
//! - `glob`: patterns for their names;
//! - `left_out`: those that could not be bound.
pub(super) mod bind;
pub(super) mod glob;
pub(super) mod interfaces;
pub(super) mod left_out;
pub(super) mod virtual_interfaces;
