//! What the server answers.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use stun_proto::auth::{LongTermClientAuthErrorReason, LongTermClientValidation};
use stun_proto::types::attribute::{AlternateServer, ErrorCode, Realm};
use stun_proto::types::message::Message;
use turn_types::attribute::{Lifetime as LifetimeAttribute, XorRelayedAddress};

use super::lifetime::Lifetime;
use super::message::{Ask, Families};
use super::{Session, Told};
use crate::ice::RelayEnd;
use crate::ice::gather::address::can_be_sent_to;

/// How many nonces in a row may be stale. A fresh one is stale at once only where a server has no use for any.
const MAX_STALE: u8 = 4;

impl Session {
    /// A success response. One without a valid MESSAGE-INTEGRITY is not the server's (RFC 8489 §9.2.5).
    pub(super) fn take_success(&mut self, now: Instant, message: &Message<'_>) {
        if !self.requests.knows(message)
            || !matches!(
                self.auth.validate_incoming_message(message),
                Ok(LongTermClientValidation::Validated(_))
            )
        {
            return;
        }
        let Some(request) = self.requests.take(message) else {
            return;
        };
        match request.ask {
            Ask::Allocate(_) => self.take_allocation(now, message),
            Ask::Refresh => self.take_lifetime(now, message),
            Ask::Permit(ip) => self.permit(now, ip),
            Ask::Bind(peer, _) => {
                self.channels.set_bound(now, peer, true);
                // It permits its peer, too (RFC 8656 §12).
                self.permit(now, peer.ip());
            }
            Ask::Release => {}
        }
    }

    fn take_allocation(&mut self, now: Instant, message: &Message<'_>) {
        self.take_lifetime(now, message);
        let mut useless = None;
        let attributes = (0..).map_while(|n| message.nth_attribute::<XorRelayedAddress>(n).ok());
        for attribute in attributes {
            let address = attribute.addr(message.transaction_id());
            if !can_be_sent_to(address) {
                useless = Some(address);
            } else if !self.ended && self.relayed_for(address).is_none() {
                self.relayed.push(address);
                self.told.push_back(Told::Allocated(address));
            }
        }
        if self.relayed.is_empty() {
            self.end(match useless {
                Some(address) => {
                    format!("nobody can send to the relayed address {address} it gives")
                }
                None => "it gives no relayed address".to_owned(),
            });
        }
    }

    fn take_lifetime(&mut self, now: Instant, message: &Message<'_>) {
        let Ok(granted) = message.attribute::<LifetimeAttribute>() else {
            return self.end("it does not say how long its allocation lives".to_owned());
        };
        let granted = Duration::from_secs(granted.seconds().into());
        match Lifetime::new(now, granted) {
            Some(lifetime) => self.lifetime = Some(lifetime),
            None => self.end("its allocation lives for 0 s".to_owned()),
        }
        self.last_error = None;
    }

    fn permit(&mut self, now: Instant, ip: IpAddr) {
        for (peer, data) in self.permissions.grant(now, ip) {
            self.dispatch(now, peer, &data);
        }
    }

    /// An error response. Many servers do not sign theirs, though RFC 8489 §9.2.5 asks for it: whoever knows the
    /// transaction can read what we send, and mostly keep it from arriving.
    pub(super) fn take_error(&mut self, now: Instant, message: &Message<'_>) {
        let Ok(code) = message.attribute::<ErrorCode>() else {
            return;
        };
        let Some(request) = self.requests.take(message) else {
            return;
        };
        match code.code() {
            ErrorCode::UNAUTHORIZED if self.realm.is_none() => {
                self.take_challenge(now, request.ask, message);
            }
            ErrorCode::UNAUTHORIZED if self.relayed.is_empty() => {
                self.end("it refuses the user or the password".to_owned());
            }
            ErrorCode::UNAUTHORIZED => {
                self.end("it does not take the user and the password any more".to_owned());
            }
            ErrorCode::STALE_NONCE => self.take_nonce(now, request.ask, request.stale, message),
            code => self.refused(now, request.ask, code, message),
        }
    }

    /// The server asks for credentials (RFC 8489 §9.2.4).
    fn take_challenge(&mut self, now: Instant, ask: Ask, message: &Message<'_>) {
        match self.auth.validate_incoming_message(message) {
            Ok(LongTermClientValidation::ResendRequest(_)) => {
                self.realm = realm(message);
                self.ask(now, ask, 0);
            }
            Err(error) if error.reason() == LongTermClientAuthErrorReason::UnsupportedFeature => {
                self.end("it wants the password in a way that is not supported".to_owned());
            }
            Ok(_) | Err(_) => {
                self.end(
                    "it asks for credentials, but not of which realm, or gives no nonce".to_owned(),
                );
            }
        }
    }

    /// The nonce was stale; here is another (RFC 8489 §9.2.5).
    fn take_nonce(&mut self, now: Instant, ask: Ask, stale: u8, message: &Message<'_>) {
        if realm(message) != self.realm {
            return self.end("with a new nonce it names another realm than before".to_owned());
        }
        if stale == MAX_STALE {
            return self.end("it calls each nonce stale that it has just given".to_owned());
        }
        match self.auth.validate_incoming_message(message) {
            Ok(LongTermClientValidation::ResendRequest(_)) => {
                self.ask(now, ask, stale + 1);
            }
            Ok(_) | Err(_) => self.end("it calls a nonce stale, but gives no other".to_owned()),
        }
    }

    fn refused(&mut self, now: Instant, ask: Ask, code: u16, message: &Message<'_>) {
        let refusal = format!("it refuses with error {code}");
        match (ask, code) {
            (Ask::Allocate(_), ErrorCode::TRY_ALTERNATE) => {
                let alternate = message.attribute::<AlternateServer>();
                self.tell_end(match alternate {
                    Ok(alternate) => Told::Elsewhere(alternate.server()),
                    Err(_) => Told::Ended(RelayEnd::Refused(refusal)),
                });
            }
            (Ask::Allocate(Families::Both), ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED) => {
                self.ask(now, Ask::Allocate(Families::Ipv6), 0);
            }
            (Ask::Allocate(_), ErrorCode::ALLOCATION_QUOTA_REACHED | ErrorCode::SERVER_ERROR..) => {
                self.tell_end(Told::Ended(RelayEnd::Broken(refusal)));
            }
            (Ask::Allocate(_), _) => self.end(refusal),
            (Ask::Release, _) => {}
            (_, ErrorCode::ALLOCATION_MISMATCH) => {
                self.end("it has forgotten its allocation".to_owned());
            }
            // What is wrong with the server may pass: it is asked again until the allocation has ended.
            (Ask::Refresh, ErrorCode::SERVER_ERROR..) => self.last_error = Some(refusal),
            (Ask::Refresh, _) => self.end(refusal),
            (Ask::Permit(ip), _) => self.permissions.refuse(now, ip),
            (Ask::Bind(peer, _), _) => self.channels.set_bound(now, peer, false),
        }
    }
}

fn realm(message: &Message<'_>) -> Option<String> {
    let realm = message.attribute::<Realm>().ok()?;
    Some(realm.realm().to_owned())
}
