//! Everything up to opening a library, on real ones: each test compiles the C it needs, with the options
//! of Linux's compilers. `in_process` has none.
mod copy;
mod descriptor;
mod fixture;
mod hostile;
mod in_process;
mod options;
mod search;
mod vet;
