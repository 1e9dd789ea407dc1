//! Keys that the application asks for (`hc.export/1`).
use super::driver::NoExport;
use super::{Component, Event};
use crate::plugin::ExportParameters;
use std::time::Instant;

impl Component {
    /// Asks for keying material of the finished handshake: [`Event::ExportedKey`] or [`Event::NotExported`]
    /// follows, in the order of the calls.
    ///
    /// # Errors
    /// One sentence why none can be asked for now.
    pub fn export_key(&mut self, now: Instant, parameters: ExportParameters) -> Result<(), String> {
        let asked = self.driver.export(parameters);
        asked.map_err(|why| self.explain_no_export(why))?;
        self.settle(now);
        Ok(())
    }

    fn explain_no_export(&self, why: NoExport) -> String {
        let (component_id, plugin) = (self.id(), &self.config.plugin.id);
        match why {
            NoExport::NoExporter => {
                format!("plugin {plugin} exports no keys: it does not have hc.export/1")
            }
            NoExport::NotFinished => format!(
                "the handshake of component {component_id} has not finished: wait for handshake_data"
            ),
            NoExport::NoInstance => format!(
                "the handshake of component {component_id} finished in init and has no keys to export"
            ),
            NoExport::TooMany(most) => format!(
                "{most} keys of component {component_id} are being exported: wait for exported_key"
            ),
            NoExport::Ended => {
                format!("component {component_id} has ended: start another stream")
            }
        }
    }

    /// The keys that were asked for and have not come will not come.
    pub(super) fn drop_exports(&mut self, reason: &str) {
        let events = self.driver.drop_exports();
        let events = events.map(|label| Event::NotExported(label, reason.to_owned()));
        self.events.extend(events);
    }
}
