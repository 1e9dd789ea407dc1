//! What the components say, and what comes of it.
use super::component_state::{UNHEARD_EVERY, Unheard};
use super::{Notification, Stage, Stream};
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
            self.stage = Stage::Ended;
            self.notify(Notification::Stopped);
        }
    }

    fn take_event(&mut self, now: Instant, index: usize, event: component::Event) {
        use component::Event;
        let state = &mut self.components[index];
        let component_id = state.component.id();
        match event {
            Event::InitData(init_data) => {
                state.init_data = Some(init_data.clone());
                let association = state.component.association();
                self.notify(Notification::HandshakeInitData {
                    component_id,
                    init_data,
                    association,
                });
                self.start_gathering(now);
            }
            Event::Candidate(line) => self.signal(component_id, Some(line)),
            Event::SelectedPair(pair) => {
                self.notify(Notification::NewSelectedPair { component_id, pair });
            }
            Event::PeerNamed(ufrag) => self.hear_of_credentials(&ufrag),
            Event::Unverified(transport, remote) => {
                self.unverified.push_back((component_id, transport, remote));
            }
            Event::Disconnected => {
                self.notify(Notification::ComponentStateDisconnected { component_id });
            }
            Event::HandshakeData(data) => {
                self.notify(Notification::HandshakeData { component_id, data })
            }
            Event::Ready(data) => {
                self.notify(Notification::ComponentStateReady { component_id, data })
            }
            Event::Application(payload) if state.listened => {
                self.notify(Notification::IcePayload {
                    component_id,
                    payload,
                });
            }
            Event::Application(_) => self.say_unheard(now, component_id),
            Event::Dropped(number, cause) => self.dropped.push_back((component_id, number, cause)),
            Event::Warning(warning) => self.notify(Notification::Warning { warning }),
            Event::Closed { by_peer } => {
                state.ended = true;
                self.notify(Notification::ComponentClosed {
                    component_id,
                    by_peer,
                });
            }
            Event::Failed(reason) => {
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
        self.stage = Stage::Ended;
        for state in &mut self.components {
            if !state.ended {
                state.ended = true;
                state.component.abandon(now);
                let component_id = state.component.id();
                let reason = Failure::Sibling {
                    component_id: culprit,
                };
                self.notifications
                    .push_back(Notification::ComponentStateFailed {
                        component_id,
                        reason,
                    });
            }
        }
        self.notify(Notification::Stopped);
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
