//! No place in the code logs more than so much in a time, whatever makes it.
use handclasp::Spool;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Leaves out what a place logs too often, and tells how much that was.
#[derive(Debug)]
pub(super) struct RateLimit {
    spool: &'static Spool,
    places: Mutex<HashMap<Identifier, Place>>,
}

#[derive(Debug)]
struct Place {
    metadata: &'static Metadata<'static>,
    /// When its present time began.
    began: Instant,
    logged: u32,
    left_out: u64,
}

/// How many lines of one place are logged in [`TIME`].
const MAX_LINES: u32 = 200;
const TIME: Duration = Duration::from_secs(1);

impl RateLimit {
    pub(super) fn new(spool: &'static Spool) -> Self {
        Self {
            spool,
            places: Mutex::default(),
        }
    }

    /// Tells what was left out and not told of yet.
    pub(super) fn tell_all(&self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        for place in places.values_mut() {
            place.tell(self.spool);
        }
    }

    fn takes(&self, metadata: &'static Metadata<'static>, now: Instant) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(metadata.callsite()).or_insert(Place {
            metadata,
            began: now,
            logged: 0,
            left_out: 0,
        });
        if now.saturating_duration_since(place.began) >= TIME {
            place.tell(self.spool);
            place.began = now;
            place.logged = 0;
        }
        let takes = place.logged < MAX_LINES;
        place.logged += u32::from(takes);
        place.left_out += u64::from(!takes);
        takes
    }
}

impl Place {
    fn tell(&mut self, spool: &Spool) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            let target = self.metadata.target();
            let sentence = format!("{left_out} more such lines of {target} were left out");
            let line = super::own_line(tracing::Level::WARN, target, &sentence);
            spool.push(&[line.as_bytes()]);
        }
    }
}

impl<S: Subscriber> Layer<S> for &'static RateLimit {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        self.takes(event.metadata(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;
    use std::sync::mpsc::channel;
    use tracing::Level;
    use tracing::callsite::Callsite;
    use tracing::field::FieldSet;
    use tracing::metadata::Kind;
    use tracing::subscriber::Interest;

    #[test]
    fn a_place_logs_so_much_and_what_is_left_out_is_told() {
        let (written, told) = channel();
        let write = move |lines: &[u8], _| {
            let _ = written.send(String::from_utf8_lossy(lines).into_owned());
            ControlFlow::Continue(())
        };
        let spool = Spool::start("test", 1 << 20, write).expect("there are threads left");
        let limit: &'static RateLimit =
            Box::leak(Box::new(RateLimit::new(Box::leak(Box::new(spool)))));
        let now = Instant::now();
        let taken = (0..1000).filter(|_| limit.takes(&OFTEN, now)).count();
        assert_eq!((taken, limit.takes(&SELDOM, now)), (200, true));
        assert!(limit.takes(&OFTEN, now + TIME));
        let sentence = told.recv().expect("it is told");
        assert_eq!(
            sentence,
            "800 more such lines of test::often were left out\n"
        );
        limit.tell_all();
        assert!(told.recv_timeout(TIME).is_err(), "once");
    }

    /// A place in the code, told from others by its address.
    struct Site(u8);

    static OFTEN_SITE: Site = Site(1);
    static OFTEN: Metadata<'static> = metadata("test::often", &OFTEN_SITE);
    static SELDOM_SITE: Site = Site(2);
    static SELDOM: Metadata<'static> = metadata("test::seldom", &SELDOM_SITE);

    const fn metadata(target: &'static str, site: &'static Site) -> Metadata<'static> {
        let fields = FieldSet::new(&[], Identifier(site));
        Metadata::new(
            "event",
            target,
            Level::WARN,
            None,
            None,
            None,
            fields,
            Kind::EVENT,
        )
    }

    impl Callsite for Site {
        fn set_interest(&self, _interest: Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            match self.0 {
                1 => &OFTEN,
                _ => &SELDOM,
            }
        }
    }
}
