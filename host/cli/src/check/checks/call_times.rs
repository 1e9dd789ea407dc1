use crate::check::definition::{Check, Run};
use crate::check::meter::{REMEDY, WAIT};
use crate::check::outcome::{Checked, Objection};
use crate::check::peers::{INITIATOR, Setup, World};
use crate::check::probe::Probe;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const CALL_TIMES: Check = Check {
    name: "call-times",
    sentence: "No call but init waits for anything, or takes more than 10 ms of a processor",
    remedy: REMEDY,
    needs: Some("handshake"),
    run: Run::Calling(check),
};

/// Handshakes, of which most must show it: what comes once, or when the machine is busy, is no finding.
const HANDSHAKES: usize = 5;
/// Time of a processor that a call may take.
const WORK: Duration = Duration::from_millis(10);

fn check(probe: &Probe) -> Checked {
    if probe.sanitized {
        return Err(Objection::skip("the sanitizer takes time of its own"));
    }
    probe.meter.look_closely();
    let mut costs: BTreeMap<_, [Vec<Duration>; 2]> = BTreeMap::new();
    for _ in 0..HANDSHAKES {
        handshake(probe)?;
        for (name, cost) in probe.meter.take() {
            let [waits, works] = costs.entry(name).or_default();
            waits.push(cost.wait);
            works.push(cost.work);
        }
    }
    let over = |which: usize, limit: Duration| {
        let sentence = |(name, cost): (&&str, &[Vec<Duration>; 2])| {
            let usual = usual(&cost[which])?;
            (usual > limit).then(|| format!("{name} ({} ms)", usual.as_millis()))
        };
        costs.iter().filter_map(sentence).collect::<Vec<_>>()
    };
    let (waits, works) = (over(0, WAIT), over(1, WORK));
    match (waits.is_empty(), works.is_empty()) {
        (false, _) => Err(Objection::finding(format!(
            "these sleep until something happens elsewhere: {}",
            waits.join(", ")
        ))),
        (true, false) => Err(Objection::warning(format!(
            "these take long, in time of a processor: {}",
            works.join(", ")
        ))),
        (true, true) => Ok(()),
    }
}

/// Every call there is.
fn handshake(probe: &Probe) -> Checked {
    let mut world = World::of_one(probe, &Setup::default())?;
    world.finish()?;
    let now = world.now();
    let first = &mut world.pair().sides[INITIATOR];
    first.export(b"EXPORTER-handclasp-check", 32);
    first.pester(now);
    first.close(now);
    Ok(())
}

/// What most handshakes have reached; nothing if few have made the call at all.
fn usual(costs: &[Duration]) -> Option<Duration> {
    let mut costs = costs.to_vec();
    costs.sort_unstable_by(|a, b| b.cmp(a));
    costs.get(HANDSHAKES / 2).copied()
}
