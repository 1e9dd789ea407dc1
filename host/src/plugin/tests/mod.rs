//! Everything up to opening a library, on real ones: each test compiles the C it needs, with the options
//! of Linux's compilers.
mod copy;
mod descriptor;
mod fixture;
mod hostile;
mod options;
mod search;
mod vet;
