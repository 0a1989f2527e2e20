//! The start-up script: the process's surroundings, then the command, then an exit code that means something.

mod cli;

fn main() -> std::process::ExitCode {
    // Before there is any thread: OpenMP reads the environment once, and setting a variable is only safe now.
    hearken::threads::settle_openmp();
    hearken::speak::espeak_data::settle();
    hearken::onnx::settle();
    hearken::listen::whisper::crash::settle();
    cli::main()
}
