pub(crate) use handclasp_tests::{Lacking, skip};
