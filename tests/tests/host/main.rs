//! A host as a program may hold it: panics in callbacks, its end at any moment, floods, and counts that have to balance.
mod balance;
mod channel;
mod end;
mod flood;
mod panics;
mod peers;
mod report;
