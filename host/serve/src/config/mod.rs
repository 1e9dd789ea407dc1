//! The file of settings.
