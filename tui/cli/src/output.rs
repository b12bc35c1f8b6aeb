//! How a verb answers: text for people, JSON for programs, an exit status for scripts. Refuses to print a value unless
//! the verb is about one.

use crate::errors::Cause;
use quarterdeck_control::failure::{Failure, Told};
use quarterdeck_control::open::OpenError;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::OnceLock;

/// What went wrong, with its exit status.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// The exit status.
    pub status: u8,
    /// What happened, and in further lines what was being done and what to do next.
    pub text: String,
    /// What a backend told, where it was one.
    pub cause: Option<Box<Cause>>,
}

impl Trouble {
    /// Something failed (1).
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::ending(1, text)
    }

    /// It was asked in a way that makes no sense (2).
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::ending(2, text)
    }

    /// It ends with this status.
    pub(crate) fn ending(status: u8, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), cause: None }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let Failure::Backend { error, .. } = &failure else {
            return Self::ending(failure.status(), failure.to_string());
        };
        let cause = Cause::of(error);
        let told = Told { next: cause.next().to_owned(), ..failure.told() };
        let lines = cause.lines().into_iter().map(|line| format!("\n  {line}"));
        let text = std::iter::once(told.to_string()).chain(lines).collect();
        Self { status: failure.status(), text, cause: Some(Box::new(cause)) }
    }
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        Self::ending(error.status(), error.told().to_string())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

/// What a verb comes to: its exit status, or its trouble.
pub(crate) type Outcome = Result<u8, Trouble>;

/// Why an answer could not be printed, when it couldn't.
static UNPRINTED: OnceLock<String> = OnceLock::new();

/// Prints text. A reader that went away (`| head`) is no trouble; a full disk is, and ends in [`unprinted`].
pub(crate) fn text(line: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _ = UNPRINTED.set(error.to_string());
    }
}

/// The trouble of an answer that was due and is not there, so that nobody takes silence for success.
pub(crate) fn unprinted() -> Option<Trouble> {
    let why = UNPRINTED.get()?;
    Some(Trouble::failed(format!("{why}\n  while: writing to standard output\n  next:  make room where it leads")))
}

/// Prints data.
pub(crate) fn data(value: &Value) {
    text(&serde_json::to_string_pretty(value).unwrap_or_else(|_| "null".into()));
}

/// Prints a trouble where it belongs: text on standard error, data on standard output.
pub(crate) fn trouble(trouble: &Trouble, as_json: bool) {
    if as_json {
        let mut lines = trouble.text.lines();
        let what = lines.next().unwrap_or_default();
        let part =
            |label: &str| trouble.text.lines().find_map(|line| line.trim_start().strip_prefix(label)).map(str::trim);
        let mut error = json!({
            "status": trouble.status, "what": what, "doing": part("while:"), "next": part("next:"),
        });
        if let Some(cause) = &trouble.cause {
            cause.tell(&mut error);
        }
        data(&json!({ "error": error }));
    } else {
        complaint(&format!("quarterdeck: {}\n", trouble.text));
    }
}

/// A command line that can't be read, as data: what clap says, in the same shape as every other trouble.
pub(crate) fn misread(said: &str) -> Value {
    let line = |start: &str| said.lines().find_map(|line| line.trim_start().strip_prefix(start)).map(str::trim);
    let what = match line("error:") {
        Some(_) => {
            let first: Vec<&str> = said.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            first.join(" ").trim_start_matches("error:").trim().to_owned()
        }
        None => "a verb is missing".to_owned(),
    };
    let next = line("tip:").or(line("Usage:")).unwrap_or("quarterdeck --help");
    json!({ "error": { "status": 2, "what": what, "doing": "reading the command line", "next": next } })
}

/// Says something besides on standard error.
pub(crate) fn aside(line: &str) {
    complaint(&format!("quarterdeck: {line}\n"));
}

/// Writes to standard error. Where that can't be written nobody is left to tell.
pub(crate) fn complaint(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// A word of the command line as one harmless line, for an error.
pub(crate) fn one_line(text: &str) -> String {
    quarterdeck_domain::sanitise::line(text, 80).into_owned()
}

/// A number with its noun: `1 file`, `12 files`.
pub(crate) fn count(number: impl Into<u64>, one: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    }
}

/// Widest that a column grows; a longer cell stands whole and pushes its own row alone.
const WIDEST: usize = 60;

/// Columns of text: each as wide as its widest cell, up to [`WIDEST`]; the last one ragged.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.filter(|width| *width <= WIDEST).max()
    };
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn a_wrong_command_line_is_data_too() {
        let read = |words: &[&str]| {
            let error = crate::args::Line::try_parse_from(words).expect_err("it can't be read");
            misread(&error.to_string())["error"].clone()
        };
        let told = read(&["quarterdeck", "--json", "xyzzy"]);
        assert_eq!(
            (told["what"].as_str(), told["next"].as_str(), told["status"].as_u64()),
            (Some("unrecognized subcommand 'xyzzy'"), Some("quarterdeck [OPTIONS] [COMMAND]"), Some(2))
        );
        assert_eq!(read(&["quarterdeck", "secrets"])["what"], "a verb is missing");
        let told = read(&["quarterdeck", "secrets", "get"]);
        assert_eq!(told["what"], "the following required arguments were not provided: <NAME>");
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        assert_eq!(table(&[row(&["a", "long", ""]), row(&["bcd", "x", "y"])]), "a    long\nbcd  x     y");
        let long = "n".repeat(WIDEST + 1);
        assert_eq!(table(&[row(&["a", "b"]), row(&[&long, "c"])]), format!("a  b\n{long}  c"));
    }
}
