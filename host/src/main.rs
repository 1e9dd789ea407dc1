//! The command `handclasp`.
mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
