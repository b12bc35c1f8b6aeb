//! Runs this binary's tests as the standard harness would: `--list --format terse`, `--exact`, filters, `--skip`.
//! Refuses the rest. It exists because this `main` must be able to become a child instead.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A test by its name.
pub(crate) type Test = (&'static str, fn());

pub(crate) fn run(tests: &[Test], arguments: &[String]) -> ExitCode {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let (mut filters, mut skipped) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--skip" => skipped.extend(rest.next()),
            "--format" | "--test-threads" | "--color" | "-Z" => drop(rest.next()),
            flag if flag.starts_with('-') => {}
            _ => filters.push(argument),
        }
    }
    let matches = |name: &str, filter: &str| if has("--exact") { name == filter } else { name.contains(filter) };
    let chosen: Vec<_> = tests
        .iter()
        .filter(|(name, _)| filters.is_empty() || filters.iter().any(|filter| matches(name, filter)))
        .filter(|(name, _)| !skipped.iter().any(|filter| matches(name, filter)))
        // None of ours is ignored, so whoever asks for the ignored ones gets none.
        .filter(|_| !has("--ignored"))
        .collect();
    if has("--list") {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let mut failed = 0;
    for (name, test) in &chosen {
        let fine = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if fine { "ok" } else { "FAILED" });
        failed += u32::from(!fine);
    }
    let (word, passed) = (if failed == 0 { "ok" } else { "FAILED" }, chosen.len() as u32 - failed);
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}
