//! The start-up script: arguments, then the command, then an exit code that means something.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
