//! What the components say, and what comes of it.
use super::component_state::{UNHEARD_EVERY, Unheard};
use super::{Event, Notification, Stage, Stream};
use crate::component::{self, Failure};
use crate::counted;
use std::time::Instant;

impl Stream {
    /// Carries what the components have said to the application.
    pub(super) fn settle(&mut self, now: Instant) {
        for index in 0..self.components.len() {
            while let Some(event) = self.components[index].component.poll_event() {
                self.take_event(now, index, event);
            }
        }
        self.conclude_gathering(Some(now));
        self.describe_late();
        if self.stopping
            && self.components.iter().all(|state| state.ended)
            && self.stage != Stage::Ended
        {
            self.end();
        }
    }

    /// The last notification.
    fn end(&mut self) {
        self.stage = Stage::Ended;
        let stopped = Event::Notification(Notification::Stopped);
        self.events.push_back(stopped);
    }

    fn take_event(&mut self, now: Instant, index: usize, event: component::Event) {
        let state = &mut self.components[index];
        let component_id = state.component.id();
        match event {
            component::Event::InitData(init_data) => {
                state.init_data = Some(init_data.clone());
                let association = state.component.association();
                self.notify(Notification::HandshakeInitData {
                    component_id,
                    init_data,
                    association,
                });
                self.start_gathering(now);
            }
            component::Event::Candidate(line) => self.signal(component_id, Some(line)),
            component::Event::SelectedPair(pair) => {
                self.notify(Notification::NewSelectedPair { component_id, pair });
            }
            component::Event::PeerNamed(ufrag) => self.hear_of_credentials(&ufrag),
            component::Event::Unverified(transport, remote) => {
                self.unverified.push_back((component_id, transport, remote));
            }
            component::Event::Disconnected => {
                self.notify(Notification::ComponentStateDisconnected { component_id });
            }
            component::Event::HandshakeData(data) => {
                self.notify(Notification::HandshakeData { component_id, data })
            }
            component::Event::Ready(data) => {
                self.notify(Notification::ComponentStateReady { component_id, data })
            }
            component::Event::ExportedKey(label, key) => self.notify(Notification::ExportedKey {
                component_id,
                label,
                key,
            }),
            component::Event::NotExported(label, reason) => {
                self.notify(Notification::CouldNotExportKey {
                    component_id,
                    label,
                    reason,
                })
            }
            component::Event::Application(payload) if state.listened => {
                self.events.push_back(Event::Payload {
                    component_id,
                    payload,
                });
            }
            component::Event::Application(_) => self.say_unheard(now, component_id),
            component::Event::Dropped(number, cause) => {
                self.dropped.push_back((component_id, number, cause))
            }
            component::Event::Warning(warning) => self.notify(Notification::Warning { warning }),
            component::Event::Closed { by_peer } => {
                state.ended = true;
                self.notify(Notification::ComponentClosed {
                    component_id,
                    by_peer,
                });
            }
            component::Event::Failed(reason) => {
                state.ended = true;
                let in_init = state.init_data.is_none();
                self.notify(Notification::ComponentStateFailed {
                    component_id,
                    reason,
                });
                if self.stage == Stage::Starting && in_init {
                    self.fail_to_start(now, component_id);
                }
            }
        }
    }

    pub(super) fn start_gathering(&mut self, now: Instant) {
        let mut staying = self.components.iter().filter(|state| state.stays());
        let initialised = staying.all(|state| state.init_data.is_some());
        if self.stage == Stage::Starting && initialised && !self.closing {
            self.gather(now);
            for state in &mut self.components {
                state.component.start_ice();
            }
            self.announce_credentials();
        }
    }

    /// A failed `init` fails its stream, and no other.
    fn fail_to_start(&mut self, now: Instant, culprit: u16) {
        for index in 0..self.components.len() {
            let state = &mut self.components[index];
            if !state.ended {
                state.ended = true;
                state.component.abandon(now);
                let component_id = state.component.id();
                let reason = Failure::Sibling {
                    component_id: culprit,
                };
                self.notify(Notification::ComponentStateFailed {
                    component_id,
                    reason,
                });
            }
        }
        self.end();
    }

    pub(super) fn say_unheard(&mut self, now: Instant, component_id: u16) {
        let Ok(state) = self.component_mut(component_id) else {
            return;
        };
        let Unheard { count, said } = &mut state.unheard;
        *count += 1;
        if said.is_none_or(|said| now >= said + UNHEARD_EVERY) {
            let (dropped, since) = (std::mem::take(count), UNHEARD_EVERY.as_secs());
            *said = Some(now);
            let warning = format!(
                "component {component_id}: nobody listens, {} dropped; \
                 listen to it (this warning comes at most every {since} s)",
                counted(dropped, "datagram")
            );
            self.notify(Notification::Warning { warning });
        }
    }
}
