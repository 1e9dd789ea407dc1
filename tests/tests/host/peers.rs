//! Two streams that signal to each other in their callbacks, and answer every datagram.
use handclasp::plugin::{Role, Scanner, SearchPath};
use handclasp::stream::{Notification, Refused};
use handclasp::{
    Application, BindOptions, Context, Host, HostOptions, StreamHandle, StreamOptions, StreamRef,
};
use handclasp_tests::{fixture, plugins};
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

/// A host with the project's plugins and the fixture `slow-init`.
pub(crate) fn host(loops: usize) -> Host {
    let slow = fixture("slow_init", &[]);
    let fixtures = slow.parent().expect("it is in a directory").to_owned();
    let plugins = SearchPath::from_dirs(vec![plugins(), fixtures]).expect("they are built");
    let options = HostOptions::new(plugins).scanner(Scanner::none());
    Host::new(options.loops(loops)).expect("a host")
}

/// On loopback.
pub(crate) fn options(plugin: &str) -> StreamOptions {
    StreamOptions::new(plugin).bind(BindOptions::new().address(Ipv4Addr::LOCALHOST))
}

/// Passes signalling on to its peer, and everything to another application.
pub(crate) struct Signalling<A> {
    role: Role,
    peer: Arc<OnceLock<StreamRef>>,
    application: A,
}

impl<A: Application> Application for Signalling<A> {
    fn notify(&mut self, context: &mut Context<'_>, notification: Notification) {
        if let Some(message) = notification.for_peer(self.role) {
            // The peer may have ended.
            let _ = self.peer.wait().send(message);
        }
        self.application.notify(context, notification);
    }

    fn receive(&mut self, context: &mut Context<'_>, component_id: u16, datagram: &[u8]) {
        self.application.receive(context, component_id, datagram);
    }

    fn answer(
        &mut self,
        context: &mut Context<'_>,
        number: Option<u64>,
        answer: Result<(), Refused>,
    ) {
        self.application.answer(context, number, answer);
    }
}

/// Opens two streams whose applications signal to each other.
pub(crate) fn open_pair<A: Application + 'static, B: Application + 'static>(
    host: &Host,
    plugin: &str,
    a: A,
    b: B,
) -> (StreamHandle, StreamHandle) {
    let (of_a, of_b) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
    let open_a = Signalling {
        role: Role::Responder,
        peer: Arc::clone(&of_b),
        application: a,
    };
    let open_b = Signalling {
        role: Role::Initiator,
        peer: Arc::clone(&of_a),
        application: b,
    };
    let a = host.open(options(plugin).controlling(true), open_a);
    let a = a.unwrap_or_else(|error| panic!("{error}"));
    let b = host.open(options(plugin), open_b);
    let b = b.unwrap_or_else(|error| panic!("{error}"));
    of_a.set(a.downgrade()).expect("it was empty");
    of_b.set(b.downgrade()).expect("it was empty");
    (a, b)
}
