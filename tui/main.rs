//! The program's door. Refuses to do anything but hand over to the command line.

fn main() -> std::process::ExitCode {
    quarterdeck_cli::main()
}
