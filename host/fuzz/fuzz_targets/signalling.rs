//! The peer's credentials and candidate lines, and what an agent then does with them; the URIs of servers.
#![no_main]
use arbitrary::Arbitrary;
use handclasp::ice::{Accepted, Agent, Config, Credentials, StunServer, TurnServer};
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, Instant};

#[derive(Arbitrary, Debug)]
struct Signalling<'a> {
    component_id: u16,
    controlling: bool,
    words: Vec<Word<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Word<'a> {
    /// With a legal password behind them, or as they are.
    Credentials(bool, &'a str),
    /// Legal ones, told apart by a number.
    Other(u8),
    Candidate(&'a str),
    /// With the fields that lead into the line; the rest may be anything.
    Line(u8, &'a str),
    /// An address, or a name for one, in a line that is legal otherwise.
    Address(&'a str),
    /// A server's URI, with what it begins with, or without.
    Server(u8, &'a str),
    Restart(u8),
    Pass(u16),
    Done,
}

const PWD: &str = "passwordpasswordpassword";

fuzz_target!(|signalling: Signalling<'_>| {
    fastrand::seed(1); // the ICE core draws from this thread's generator
    let component_id = signalling.component_id.clamp(1, 256);
    let mut now = Instant::now();
    let config = Config::new(component_id, signalling.controlling, 1);
    let max = config.max_remote_candidates;
    let mut agent = Agent::new(config, credentials(0), now);
    let _ = agent.add_local_host(([192, 0, 2, 1], 5000).into());
    let _ = agent.add_local_host(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5000).into());
    let mut taken = 0;
    for word in signalling.words {
        match word {
            Word::Credentials(is_completed, text) => {
                let pwd = if is_completed { PWD } else { "" };
                let text = format!("{text} {pwd}");
                if let Ok(credentials) = text.parse::<Credentials>() {
                    assert_eq!(credentials.to_string().parse(), Ok(credentials.clone()));
                    agent.set_remote_credentials(credentials);
                }
            }
            Word::Other(number) => {
                agent.set_remote_credentials(credentials(number));
            }
            Word::Candidate(line) => taken += usize::from(take(&mut agent, line)),
            Word::Line(kind, rest) => {
                let kind = ["host", "srflx", "prflx", "relay"][usize::from(kind % 4)];
                let line = format!(
                    "candidate:1 {component_id} udp 2122194687 192.0.2.9 9 typ {kind} {rest}"
                );
                taken += usize::from(take(&mut agent, &line));
            }
            Word::Address(address) => {
                let line =
                    format!("candidate:1 {component_id} udp 2122194687 {address} 9 typ host");
                taken += usize::from(take(&mut agent, &line));
            }
            Word::Server(scheme, rest) => {
                let starts = ["stun:", "turn:", "turns:user:pass%3Aword@", ""];
                server(&format!("{}{rest}", starts[usize::from(scheme % 4)]));
            }
            Word::Restart(number) => {
                agent.restart(credentials(number));
                taken = 0;
            }
            Word::Pass(millis) => {
                let end = now + Duration::from_millis(millis.into());
                run(&mut agent, &mut now, end);
            }
            Word::Done => agent.set_end_of_candidates(),
        }
        assert!(taken <= max, "more candidates than may be");
    }
    let end = now + Duration::from_secs(2);
    run(&mut agent, &mut now, end);
});

fn server(uri: &str) {
    if let Ok(stun) = uri.parse::<StunServer>() {
        assert_eq!(stun.to_string().parse(), Ok(stun.clone()));
    }
    if let Ok(turn) = uri.parse::<TurnServer>() {
        let again: TurnServer = turn.to_string().parse().expect("it is shown as it is read");
        assert_eq!((again.host, again.port), (turn.host, turn.port));
    }
}

fn take(agent: &mut Agent, line: &str) -> bool {
    match agent.add_remote_candidate(line) {
        Ok(accepted) => accepted == Accepted::New,
        Err(error) => {
            let _ = error.to_string();
            false
        }
    }
}

fn run(agent: &mut Agent, now: &mut Instant, end: Instant) {
    let mut turns = 0;
    while let Some(due) = agent.poll_timeout().filter(|due| *due <= end) {
        turns = if due > *now { 0 } else { turns + 1 };
        assert!(turns < 1000, "time stands still");
        *now = due.max(*now);
        agent.handle_timeout(*now);
        while agent.poll_transmit().is_some() {}
        while agent.poll_event().is_some() {}
    }
    *now = end;
}

fn credentials(number: u8) -> Credentials {
    Credentials::new(format!("ufrag{number}"), PWD).expect("they are legal")
}
