//! Streams that end in every way there is: each application is told so once, and nothing after it.
