//! What comes of a check.
use handclasp::plugin::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

/// `Ok` if what the check's sentence says is so.
pub(crate) type Checked = Result<(), Objection>;

/// Why a check is not ok.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Objection {
    /// The plugin does not keep the contract.
    Finding {
        /// What it did, as a sentence.
        what: String,
        /// What to do about it, if that is not what the check says.
        remedy: Option<String>,
    },
    /// The check has nothing to say of this plugin: why, as a sentence.
    Skip(String),
    /// The command line does not suit the plugin; nothing can be checked.
    Usage(String),
}

impl Objection {
    pub(crate) fn finding(what: impl Into<String>) -> Self {
        Self::Finding {
            what: what.into(),
            remedy: None,
        }
    }

    /// The same finding, with what came before it.
    pub(crate) fn after(self, before: impl std::fmt::Display) -> Self {
        match self {
            Self::Finding { what, remedy } => Self::Finding {
                what: format!("{before}, {what}"),
                remedy,
            },
            other => other,
        }
    }

    pub(crate) fn skip(why: impl Into<String>) -> Self {
        Self::Skip(why.into())
    }
}

impl From<&Failure> for Objection {
    fn from(failure: &Failure) -> Self {
        Self::finding(failure.to_string())
    }
}

/// A failure that no input excuses: a panic, or a breach of the contract.
pub(crate) fn is_fault(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Fault | FailureKind::Panic)
}
