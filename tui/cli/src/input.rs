//! Reads a value from standard input: typed without an echo on a terminal, piped otherwise. Refuses to echo.

use crate::output::Trouble;
use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr};
use std::io::{BufRead, Read, Write};

/// Largest value that is read, in bytes.
const MOST: u64 = 16 << 20;

/// A value for a command, whose words are given so that whoever gave none is told how. One newline at its end, as `echo`
/// and Enter leave it, is not part of it.
pub(crate) fn value(of: &str, command: &str) -> Result<Vec<u8>, Trouble> {
    let stdin = std::io::stdin();
    // Room for most values, so that a growing vector leaves no copies of a secret behind.
    let mut bytes = Vec::with_capacity(64 << 10);
    if isatty(&stdin) {
        // Before the prompt: whoever sees it may type at once.
        let quiet = Quiet::new();
        say(&format!("{} (not shown): ", crate::output::one_line(of)));
        let read = stdin.lock().take(MOST + 1).read_until(b'\n', &mut bytes);
        drop(quiet);
        say("\n");
        read?;
    } else {
        stdin.lock().take(MOST + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MOST {
        return Err(Trouble::failed(
            "the value is larger than 16 MiB\n  next:  keep something that large in a file of its own",
        ));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(nothing(command));
    }
    Ok(bytes)
}

/// An empty value is none.
pub(crate) fn nothing(command: &str) -> Trouble {
    let command = crate::output::one_line(command);
    Trouble::usage(format!(
        "no value was given\n  next:  type it at the prompt, or pipe it in: printf %s \"$VALUE\" | quarterdeck {command}"
    ))
}

/// A prompt that can't be shown is no reason to stop.
fn say(text: &str) {
    let mut out = std::io::stderr();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Keeps the terminal from echoing until it is dropped.
struct Quiet(Option<rustix::termios::Termios>);

impl Quiet {
    fn new() -> Self {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(mut quiet) = before.clone() {
            quiet.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet);
        }
        Self(before)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}
