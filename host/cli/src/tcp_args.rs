//! What every command that opens streams takes of TCP between the peers.
use clap::Args;
use handclasp::BindOptions;
use handclasp::ice::Tcp;

/// Over what the peers may meet.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct TcpArgs {
    /// Meet the peer over TCP where UDP does not get through (ICE-TCP): connect to it (active), listen for it
    /// (passive), both, or off
    #[arg(long, value_name = "MODE", default_value_t = Tcp::Off)]
    tcp: Tcp,
    /// Bind no UDP socket: meet the peer over TCP, or through a TURN server
    #[arg(long)]
    no_udp: bool,
}

impl TcpArgs {
    pub(super) fn apply(self, bind_options: BindOptions) -> BindOptions {
        bind_options.tcp(self.tcp).udp(!self.no_udp)
    }

    /// What goes with these at the other peer.
    pub(super) fn counterpart(self) -> Self {
        Self {
            tcp: self.tcp.counterpart(),
            ..self
        }
    }
}
