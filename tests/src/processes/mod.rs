//! Streams as processes that speak JSON lines (docs/json-lines.md), and what carries one's words to the other.
mod flow;
mod pair;
mod process;

pub use flow::Flow;
pub use pair::{Pair, Side, base64, bytes};
pub use process::{Heard, LineProcess, handclasp_stream};
