//! The command `handclasp`: one file or folder for each subcommand, and what they share here.
#[cfg(target_os = "linux")]
mod bench;
mod check;
mod completions;
mod config;
#[cfg(unix)]
mod ctl;
mod demo;
mod exit;
mod generate;
#[cfg(unix)]
mod interrupt;
mod key_log_args;
mod log;
mod manual;
mod new;
mod option_args;
mod plugin_args;
mod plugins;
#[cfg(unix)]
mod run_scan;
#[cfg(unix)]
mod serve;
mod server_args;
mod signalling;
mod srtp_keys;
mod stdio;
mod stream;
mod tcp_args;
mod trace;
mod trace_args;

use clap::{CommandFactory, Parser, Subcommand};
use exit::Failed;
use std::io::{self, Write};
use std::process::ExitCode;

/// A host for pluggable handshakes over ICE.
///
/// Exit codes: 0 all went well; 1 it did not; 2 the command line is wrong; 3 a plugin cannot be found or used.
#[derive(Debug, Parser)]
#[command(name = "handclasp", version, max_term_width = 100, after_long_help = log::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(target_os = "linux")]
    Bench(bench::Bench),
    Check(check::Check),
    Config(config::ConfigCommand),
    #[cfg(unix)]
    Ctl(ctl::Ctl),
    Demo(demo::Demo),
    Generate(generate::Generate),
    New(new::New),
    Plugins(plugins::Plugins),
    RunCheck(check::RunCheck),
    #[cfg(unix)]
    RunScan(run_scan::RunScan),
    #[cfg(unix)]
    Serve(serve::Serve),
    Stream(stream::Stream),
    Trace(trace::Trace),
}

/// Runs what the command line asks for.
fn main() -> ExitCode {
    completions::answer(Arguments::command);
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(help) => return tell(&help),
    };
    #[cfg(unix)]
    if let Command::RunScan(scan) = arguments.command {
        return scan.run();
    }
    // The daemon has a log and signals of its own.
    #[cfg(unix)]
    let is_daemon = matches!(arguments.command, Command::Serve(_));
    #[cfg(not(unix))]
    let is_daemon = false;
    if !is_daemon {
        log::start();
    }
    #[cfg(unix)]
    let ready = match arguments.command {
        Command::Serve(_) => Ok(()),
        _ => interrupt::tidy_up(),
    };
    #[cfg(not(unix))]
    let ready: Result<(), Failed> = Ok(());
    let code = ready.map_or_else(Failed::report, |()| run(arguments.command));
    log::finish(log::PATIENCE);
    code
}

/// Prints the help that was asked for, or what is wrong with the command line.
fn tell(help: &clap::Error) -> ExitCode {
    let printed = help.print().and_then(|()| io::stdout().flush());
    match printed {
        Err(error) if !help.use_stderr() => match stdio::unless_closed(&error) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => failed.report(),
        },
        _ => u8::try_from(help.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn run(command: Command) -> ExitCode {
    let result = match command {
        #[cfg(target_os = "linux")]
        Command::Bench(bench) => bench.run(),
        Command::Check(check) => {
            let code = check.run();
            let code = code.and_then(|code| stdio::outcome().map(|()| code));
            return code.unwrap_or_else(Failed::report);
        }
        Command::Config(config) => config.run(),
        #[cfg(unix)]
        Command::Ctl(ctl) => ctl.run(),
        Command::Demo(demo) => demo.run(),
        Command::Generate(generate) => generate.run(Arguments::command()),
        Command::New(new) => new.run(),
        Command::Plugins(plugins) => plugins.run(),
        Command::RunCheck(check) => check.run(),
        #[cfg(unix)]
        Command::RunScan(_) => Ok(()),
        #[cfg(unix)]
        Command::Serve(serve) => serve.run(),
        Command::Stream(stream) => stream.run(),
        Command::Trace(trace) => trace.run(),
    };
    let code = match result.and_then(|()| stdio::outcome()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(),
    };
    #[cfg(unix)]
    let code = interrupt::exit_code().map_or(code, ExitCode::from);
    code
}
