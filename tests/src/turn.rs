//! The TURN server of a world, of another make than ours.
use crate::link::Flight;
use handclasp::ice::{RelayId, Servers};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use stun_proto::Instant;
use stun_proto::types::TransportType;
use turn_server_proto::api::{Transmit, TurnServerApi as _, TurnServerPollRet};
use turn_server_proto::server::TurnServer;
use turn_types::prelude::DelayedTransmitBuild as _;

/// A server, and whose connections come to it.
pub(crate) struct Turn {
    server: TurnServer,
    clients: BTreeMap<SocketAddr, (usize, RelayId)>,
    allocated: u16,
}

const IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
/// Where the server of every world listens.
pub(crate) const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(IP), 3478);

impl Turn {
    pub(crate) fn new() -> Self {
        let mut server = TurnServer::new(TransportType::Udp, ADDRESS, "realm".to_owned());
        server.add_user("alice".to_owned(), "secret".to_owned());
        Self {
            server,
            clients: BTreeMap::new(),
            allocated: 0,
        }
    }

    /// What a stream is told that uses it and nothing else.
    pub(crate) fn only() -> Servers {
        let uri = format!("turn:alice:secret@{IP}");
        Servers {
            turn: vec![uri.parse().expect("it names a server and a user")],
            relay_only: true,
            ..Servers::default()
        }
    }

    /// Whose connection has this end.
    pub(crate) fn client(&self, address: SocketAddr) -> Option<(usize, RelayId)> {
        self.clients.get(&address).copied()
    }

    /// This end of a connection.
    pub(crate) fn end_of(&self, side: usize, relay: RelayId) -> Option<SocketAddr> {
        let mut clients = self.clients.iter();
        let found = clients.find(|(_, client)| **client == (side, relay));
        found.map(|(address, _)| *address)
    }

    /// A connection of a side's; returns its end.
    pub(crate) fn open(&mut self, side: usize, relay: RelayId) -> SocketAddr {
        let index = u8::try_from(side).expect("worlds are small");
        let address = SocketAddr::from(([10, 2, index, 1], 6000 + relay.component_id));
        self.clients.insert(address, (side, relay));
        address
    }

    pub(crate) fn close(&mut self, side: usize, relay: RelayId) {
        self.clients.retain(|_, client| *client != (side, relay));
    }

    /// Whether a datagram to there comes to it, or to what it has allocated.
    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        address.ip() == ADDRESS.ip()
    }

    /// What it sends on receiving a datagram.
    pub(crate) fn serve(&mut self, elapsed: Duration, flight: Flight) -> Vec<Flight> {
        let nanos = i64::try_from(elapsed.as_nanos()).expect("a world does not last that long");
        let at = Instant::from_nanos(nanos);
        let Flight { from, to, contents } = flight;
        let received = Transmit::new(contents, TransportType::Udp, from, to);
        let answer = self.server.recv(received, at).map(|answer| Flight {
            from: answer.from,
            to: answer.to,
            contents: answer.data.build(),
        });
        let mut sent: Vec<_> = answer.into_iter().collect();
        while let TurnServerPollRet::AllocateSocket {
            transport,
            listen_addr,
            client_addr,
            allocation_transport,
            family,
        } = self.server.poll(at)
        {
            self.allocated += 1;
            let relayed = SocketAddr::new(ADDRESS.ip(), 40_000 + self.allocated);
            self.server.allocated_socket(
                transport,
                listen_addr,
                client_addr,
                allocation_transport,
                family,
                Ok(relayed),
                at,
            );
        }
        while let Some(transmit) = self.server.poll_transmit(at) {
            sent.push(Flight {
                from: transmit.from,
                to: transmit.to,
                contents: transmit.data,
            });
        }
        sent
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}
