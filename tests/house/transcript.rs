//! Transcripts: shell lines and all they said, in a file that people read. Refuses a difference.
//!
//! ```text
//! # a comment
//! $ quarterdeck secrets set broker.port      a line for the shell
//! | stored broker.port in fernet, version ID   standard output
//! ! quarterdeck: warning: …                  standard error
//! = 7                                        the exit status, unless it is 0
//! ```
//! With `QUARTERDECK_TEST_WRITE=1` the files are written anew: read the difference before you keep it.

use super::House;
use super::scrub::scrub;
use std::path::Path;

/// Runs every line of a transcript in this house and compares what was said, byte by byte once it is scrubbed.
#[track_caller]
pub(crate) fn holds(house: &House, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command_line/said").join(file);
    let wanted = std::fs::read_to_string(&path).expect("a transcript");
    let is_ours = |line: &&str| line.starts_with("$ ") || line.starts_with('#') || line.is_empty();
    let got: String = wanted.lines().filter(is_ours).map(|line| said(house, line)).collect();
    if got == wanted {
        return;
    }
    if std::env::var_os("QUARTERDECK_TEST_WRITE").is_some() {
        std::fs::write(&path, got).expect("the transcript is ours");
        return;
    }
    let at = got.lines().zip(wanted.lines()).take_while(|(got, wanted)| got == wanted).count();
    let lines = |text: &str| text.lines().skip(at.saturating_sub(3)).take(12).collect::<Vec<_>>().join("\n");
    let (wanted, got) = (lines(&wanted), lines(&got));
    panic!("{file} line {}:\n--- wanted\n{wanted}\n--- got\n{got}\nQUARTERDECK_TEST_WRITE=1 writes it anew", at + 1);
}

fn said(house: &House, line: &str) -> String {
    let Some(command) = line.strip_prefix("$ ") else { return format!("{line}\n") };
    let said = house.shell(command);
    let mut out = format!("{line}\n");
    for (mark, text) in [("|", &said.stdout), ("!", &said.stderr)] {
        for text in scrub(house, text).lines() {
            out.push_str(format!("{mark} {text}").trim_end());
            out.push('\n');
        }
    }
    if said.status != 0 {
        out.push_str(&format!("= {}\n", said.status));
    }
    out
}
