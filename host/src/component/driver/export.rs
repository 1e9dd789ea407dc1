//! Keys that are exported of a finished handshake, one after the other.
use super::{Driver, Output, Phase};
use crate::component::waiting::Waiting;
use crate::plugin::{Call, CallName, ExportParameters};
use zeroize::Zeroizing;

/// Why a key that was asked for does not come.
pub(in crate::component) const ENDED: &str = "the component has ended";
/// Most keys of a component that are asked for and have not come.
const MAX_EXPORTS: usize = 16;

/// Why no key can be asked for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::component) enum NoExport {
    /// The plugin does not have `hc.export/1`.
    NoExporter,
    /// The handshake has not finished.
    NotFinished,
    /// It finished in `init`, and left nothing that could be asked.
    NoInstance,
    /// So many keys are asked for already.
    TooMany(usize),
    /// It has ended, or is about to.
    Ended,
}

impl Driver {
    /// Asks for a key: [`Output::ExportedKey`] or [`Output::NotExported`] follows, in the order of the calls.
    pub(in crate::component) fn export(
        &mut self,
        parameters: ExportParameters,
    ) -> Result<(), NoExport> {
        if self.is_leaving() {
            return Err(NoExport::Ended);
        }
        if !self.plugin.exports {
            return Err(NoExport::NoExporter);
        }
        if self.phase != Phase::Finished {
            return Err(NoExport::NotFinished);
        }
        if !self.has_instance() {
            return Err(NoExport::NoInstance);
        }
        if self.exports.len() == MAX_EXPORTS {
            return Err(NoExport::TooMany(MAX_EXPORTS));
        }
        self.exports.push_back(parameters);
        self.waiting.push(Waiting::Export);
        self.advance();
        Ok(())
    }

    /// The call for the key whose turn it is.
    pub(super) fn next_export(&self) -> Option<Call> {
        let parameters = self.exports.front()?.clone();
        Some(Call::Export(parameters))
    }

    /// A key has come. It is as long as it was to be, or the host that made the call is at fault.
    pub(super) fn take_exported(&mut self, call: CallName, key: Zeroizing<Vec<u8>>) {
        let asked = self.exports.front();
        if asked.is_none_or(|asked| asked.length == key.len()) {
            self.end_export(call, Ok(key));
        } else {
            let reason = format!("plugin {} gave a key of another length", self.plugin.id);
            self.end_export(call, Err(reason));
        }
    }

    /// What came of the call for the first key, which may not be waited for any more.
    pub(super) fn end_export(&mut self, call: CallName, key: Result<Zeroizing<Vec<u8>>, String>) {
        if call != CallName::Exporter {
            return;
        }
        let asked = self.exports.pop_front();
        self.outputs.extend(asked.map(|asked| match key {
            Ok(key) => Output::ExportedKey(asked.label, key),
            Err(reason) => Output::NotExported(asked.label, reason),
        }));
    }

    /// The labels of the keys that have not come, and will not.
    pub(in crate::component) fn drop_exports(&mut self) -> impl Iterator<Item = String> + use<> {
        let exports = std::mem::take(&mut self.exports);
        exports.into_iter().map(|asked| asked.label)
    }
}
