//! What the sides of a pair tell each other, beside the datagrams.
use crate::side::Side;
use crate::world::World;
use handclasp::stream::{Message, Notification};

/// How the sides of a pair hear of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signalling {
    /// Each notification becomes the message it is meant for.
    Trickle,
    /// Offer and answer, once all candidates are known, of sides that keep both components.
    Sdp,
    /// Not at all.
    None,
}

impl World {
    pub(crate) fn signal(&mut self, side: usize, notification: &Notification) {
        match self.signalling {
            Signalling::None => {}
            Signalling::Trickle => {
                let is_told = self.tells_init_data
                    || !matches!(notification, Notification::HandshakeInitData { .. });
                let message = notification.for_peer(self.sides[side ^ 1].role);
                if let Some(mut message) = message.filter(|_| is_told) {
                    if !self.tells_numbers {
                        leave_out_numbers(&mut message);
                    }
                    self.mail(side ^ 1, message);
                }
            }
            Signalling::Sdp => self.negotiate(side, notification),
        }
    }

    fn negotiate(&mut self, side: usize, notification: &Notification) {
        match notification {
            Notification::CandidateGatheringDone => {
                self.sides[side].gathered = true;
                if side.is_multiple_of(2) {
                    self.mail(side, Message::GenerateLocalSdp);
                }
            }
            Notification::LocalSdp { sdp } => {
                let sdp = sdp.replace("a=rtcp-mux\r\n", "");
                self.mail(side ^ 1, Message::ParseRemoteSdp { sdp });
            }
            _ => {}
        }
        self.answer(side);
    }

    fn answer(&mut self, side: usize) {
        let Side {
            owes_answer,
            gathered,
            ..
        } = &mut self.sides[side];
        if *gathered && std::mem::take(owes_answer) {
            self.mail(side, Message::GenerateLocalSdp);
        }
    }

    fn mail(&mut self, to: usize, message: Message) {
        let at = self.now + self.signalling_delay;
        for at in self.post.deliveries(to, at, &message) {
            self.mailed += 1;
            self.mail.insert((at, self.mailed), (to, message.clone()));
        }
    }

    /// Whether messages are under way.
    pub fn has_mail(&self) -> bool {
        !self.mail.is_empty()
    }

    pub(crate) fn read(&mut self, side: usize, message: Message) {
        let is_offer = matches!(message, Message::ParseRemoteSdp { .. }) && side % 2 == 1;
        // A refusal stands in the story.
        let taken = self.tell(side, message).is_ok();
        if is_offer && taken {
            self.sides[side].owes_answer = true;
            self.answer(side);
        }
    }
}

fn leave_out_numbers(message: &mut Message) {
    match message {
        Message::SetRemoteCredentials { generation, .. } => *generation = None,
        Message::SetPeerInitData { association, .. } => *association = None,
        _ => {}
    }
}
