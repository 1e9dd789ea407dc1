//! Which plugins may be used.
