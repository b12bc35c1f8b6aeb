//! The command line, and the loop that runs the screen.

/// Runs the program; gives its exit status.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
