//! What comes of a check.
use handclasp::plugin::{Failure, FailureKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// `Ok` if what the check's sentence says is so.
pub(crate) type Checked = Result<(), Objection>;

/// Why a check is not ok.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Objection {
    /// The plugin does not keep the contract.
    Finding(Fault),
    /// The contract allows it, and its author should know.
    Warning(Fault),
    /// The check has nothing to say of this plugin: why, as a sentence.
    Skip(String),
    /// The command line does not suit the plugin; nothing can be checked.
    Usage(String),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// What the plugin did, as a sentence.
    pub(crate) what: String,
    /// What to do about it, if that is not what the check says.
    pub(crate) remedy: Option<String>,
    /// The number of the run in which it did that, if not in the last one.
    pub(crate) run: Option<u64>,
}

impl Fault {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: None,
            run: None,
        }
    }
}

impl Objection {
    pub(crate) fn finding(what: impl Into<String>) -> Self {
        Self::Finding(Fault::new(what))
    }

    pub(crate) fn warning(what: impl Into<String>) -> Self {
        Self::Warning(Fault::new(what))
    }

    pub(crate) fn skip(why: impl Into<String>) -> Self {
        Self::Skip(why.into())
    }

    /// What is wrong, if something is.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Finding(fault) | Self::Warning(fault) => Some(fault),
            Self::Skip(_) | Self::Usage(_) => None,
        }
    }

    /// The same, with what came before it.
    pub(crate) fn after(self, before: impl fmt::Display) -> Self {
        self.map(|fault| Fault {
            what: format!("{before}, {}", fault.what),
            ..fault
        })
    }

    /// The same, with a remedy of its own.
    pub(crate) fn remedied(self, remedy: impl Into<String>) -> Self {
        self.map(|fault| Fault {
            remedy: Some(remedy.into()),
            ..fault
        })
    }

    /// The same, seen in the run of this number.
    pub(crate) fn seen_in(self, run: u64) -> Self {
        self.map(|fault| Fault {
            run: Some(run),
            ..fault
        })
    }

    fn map(self, change: impl FnOnce(Fault) -> Fault) -> Self {
        match self {
            Self::Finding(fault) => Self::Finding(change(fault)),
            Self::Warning(fault) => Self::Warning(change(fault)),
            other => other,
        }
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
