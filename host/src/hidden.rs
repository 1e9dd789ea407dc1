//! What stands for secrets in `Debug`.
use std::fmt;

/// So many bytes, and no more of them.
pub(crate) struct Hidden(pub(crate) usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0)
    }
}

/// A plugin's options by their keys: which values are secret only the plugin says.
pub(crate) struct Keys<'a>(pub(crate) &'a [(String, String)]);

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(key, _)| key))
            .finish()
    }
}
