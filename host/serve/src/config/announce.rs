//! `[announce]`: what peers are told in place of this machine's own addresses.
use super::key::{Key, Section, Visitor};
use super::kind::{FromText, ListOf, is_host_name};
use super::value::Always;
use handclasp::ice;

/// What peers are told in place of this machine's own addresses.
#[derive(Clone, Debug, Default)]
pub struct Announce {
    /// Each stands for all addresses of its family, or for one.
    pub addresses: Vec<AnnouncedAs>,
}

/// An address by itself or by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnnouncedAs {
    /// An address, perhaps for another.
    Address(ice::Announced),
    /// A name in DNS, whose addresses are announced.
    Name(String),
}

const MOST: usize = 64;

const ANNOUNCED: FromText<AnnouncedAs> = FromText {
    takes: "a public address, such as \"203.0.113.7\", LOCAL=PUBLIC, both of one family, or a name in DNS",
    parse: |text| match text.parse() {
        Ok(address) => Ok(AnnouncedAs::Address(address)),
        Err(_) if is_host_name(text) => Ok(AnnouncedAs::Name(text.to_owned())),
        Err(_) => Err(None),
    },
    write: |announced| match announced {
        AnnouncedAs::Name(name) => name.clone(),
        AnnouncedAs::Address(ice::Announced { local, public }) => match local {
            Some(local) => format!("{local}={public}"),
            None => public.to_string(),
        },
    },
};

impl Section for Announce {
    fn keys(&mut self, visitor: &mut dyn Visitor) {
        let addresses = ListOf {
            of: ANNOUNCED,
            most: MOST,
        };
        visitor.key(
            Key::new("addresses", "What peers are told in place of this machine's own addresses, behind a NAT that passes everything on one to one: public addresses, LOCAL=PUBLIC for one of several, or names in DNS."),
            &mut Always(addresses, &mut self.addresses),
        );
    }
}
