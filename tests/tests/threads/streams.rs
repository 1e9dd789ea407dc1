//! Streams of one host that are only to start.
use handclasp::plugin::{Scanner, SearchPath};
use handclasp::stream::Notification;
use handclasp::{
    Application, BindOptions, Context, Host, HostOptions, OpenError, StreamHandle, StreamOptions,
};
use handclasp_tests::{fixture, plugins};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long something may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A host, as a rule with the project's plugins and `slow-init`.
pub(crate) struct Streams {
    pub(crate) host: Host,
    told: Receiver<(usize, Notification)>,
    teller: Sender<(usize, Notification)>,
}

struct Observer {
    number: usize,
    teller: Sender<(usize, Notification)>,
}

impl Application for Observer {
    fn notify(&mut self, _: &mut Context<'_>, notification: Notification) {
        // The test may be over.
        let _ = self.teller.send((self.number, notification));
    }

    fn receive(&mut self, _: &mut Context<'_>, _component_id: u16, _datagram: &[u8]) {}
}

/// On loopback.
pub(crate) fn options(plugin: &str, settings: &[(&str, &str)]) -> StreamOptions {
    StreamOptions::new(plugin)
        .plugin_options(settings.iter().copied())
        .bind(BindOptions::new().address(Ipv4Addr::LOCALHOST))
}

impl Streams {
    pub(crate) fn new(loops: usize) -> Self {
        let slow = fixture("slow_init", &[]);
        let fixtures = slow.parent().expect("it is in a directory").to_owned();
        Self::among(loops, vec![plugins(), fixtures])
    }

    /// A host with the plugins of these directories.
    pub(crate) fn among(loops: usize, directories: Vec<PathBuf>) -> Self {
        let plugins = SearchPath::from_dirs(directories).expect("they are built");
        let host_options = HostOptions::new(plugins)
            .scanner(Scanner::none())
            .loops(loops);
        let host = Host::new(host_options).expect("a host");
        let (teller, told) = channel();
        Self { host, told, teller }
    }

    fn observer(&self, number: usize) -> Observer {
        let teller = self.teller.clone();
        Observer { number, teller }
    }

    pub(crate) fn try_open(
        &self,
        number: usize,
        options: &StreamOptions,
    ) -> Result<StreamHandle, OpenError> {
        self.host.open(options.clone(), self.observer(number))
    }

    pub(crate) fn open(&self, number: usize, options: &StreamOptions) -> StreamHandle {
        let opened = self.try_open(number, options);
        opened.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The next notification of this kind.
    pub(crate) fn expect(&self, is_it: impl Fn(&Notification) -> bool) -> (usize, Notification) {
        loop {
            let told = self.told.recv_timeout(PATIENCE).expect("it is told");
            if is_it(&told.1) {
                return told;
            }
        }
    }

    /// The next stream that has started.
    pub(crate) fn expect_started(&self) -> usize {
        let credentials =
            |told: &Notification| matches!(told, Notification::LocalCredentials { .. });
        self.expect(credentials).0
    }
}
