//! The start-up script: arguments, then the command, then an exit code that means something.

mod cli;

fn main() -> std::process::ExitCode {
    hearken::threads::settle_openmp();
    cli::main()
}
