//! The command line: one file for each subcommand, and what they share here.
#[cfg(target_os = "linux")]
mod bench;
mod check;
mod demo;
mod exit;
mod generate;
#[cfg(unix)]
mod interrupt;
mod key_log_args;
mod new;
mod plugin_args;
mod plugins;
mod server_args;
mod signalling;
mod srtp_keys;
mod stream;
mod tcp_args;
mod trace;
mod trace_args;

use clap::{CommandFactory, Parser, Subcommand};
use exit::Failed;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// A host for pluggable handshakes over ICE.
///
/// Exit codes: 0 all went well; 1 it did not; 2 the command line is wrong; 3 a plugin cannot be found or used.
#[derive(Debug, Parser)]
#[command(name = "handclasp", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(target_os = "linux")]
    Bench(bench::Bench),
    Check(check::Check),
    Demo(demo::Demo),
    Generate(generate::Generate),
    New(new::New),
    Plugins(plugins::Plugins),
    RunCheck(check::RunCheck),
    Stream(stream::Stream),
    Trace(trace::Trace),
}

/// What is logged unless the environment says otherwise. What servers refuse a stream tells itself.
const QUIET: &str = "warn,stun_proto=off,turn_client_proto=off";

/// Runs what the command line asks for.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("HANDCLASP_LOG").unwrap_or_else(|_| EnvFilter::new(QUIET));
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(std::io::stderr)
        .init();
    #[cfg(unix)]
    if let Err(failed) = interrupt::tidy_up() {
        return failed.report();
    }
    let result = match arguments.command {
        #[cfg(target_os = "linux")]
        Command::Bench(bench) => bench.run(),
        Command::Check(check) => return check.run().unwrap_or_else(Failed::report),
        Command::Demo(demo) => demo.run(),
        Command::Generate(generate) => generate.run(Arguments::command()),
        Command::New(new) => new.run(),
        Command::Plugins(plugins) => plugins.run(),
        Command::RunCheck(check) => check.run(),
        Command::Stream(stream) => stream.run(),
        Command::Trace(trace) => trace.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(),
    }
}
