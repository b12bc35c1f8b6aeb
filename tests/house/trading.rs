//! Engines in a house, a clock that all its processes share, and the kill-switch as a script sees it. Refuses to look
//! into any process: the latch, the engines' status files, the venue's file and what the program prints are all there is.

use super::processes::Process;
use super::screen::Screen;
use super::{House, PATIENCE};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A process of the program in the background; it is killed with its test.
pub(crate) struct Running {
    child: Child,
    process: Process,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        let process = Process::of(child.id() as i32).expect("it was just started");
        Self { child, process }
    }

    /// SIGKILL, and gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it ends");
    }

    /// Waits until it ended by itself; gives how.
    #[track_caller]
    pub(crate) fn ended(mut self) -> std::process::ExitStatus {
        assert!(self.process.ends(), "it still runs");
        self.child.wait().expect("it ends")
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.process.has_ended()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The clock that all processes of a house share: shifts of the wall clock and the boot clock.
pub(crate) struct Clock {
    file: PathBuf,
}

impl Clock {
    /// Shifts the wall clock by so many seconds, and the boot clock.
    pub(crate) fn set(&self, wall: i64, boot: i64) {
        self.write(&format!("{} {}", wall * 1_000, boot * 1_000));
    }

    /// The same on another start of the machine.
    pub(crate) fn set_on_another_boot(&self, wall: i64, boot: i64, boot_id: &str) {
        self.write(&format!("{} {} {boot_id}", wall * 1_000, boot * 1_000));
    }

    fn write(&self, text: &str) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, text).expect("room on the disk");
        std::fs::rename(next, &self.file).expect("a file");
    }
}

impl House {
    /// Gives all processes that are started from now on one clock that can be shifted.
    pub(crate) fn clock(&mut self) -> Clock {
        let clock = Clock { file: self.write("clock", "0 0") };
        self.set_var("QUARTERDECK_TEST_CLOCK", &clock.file.display().to_string());
        clock
    }

    /// Starts a reference engine in QA: four resting orders and three positions, and no order of its own accord.
    pub(crate) fn engine(&self, name: &str, words: &[&str]) -> Running {
        let mut command = self.command(self.program());
        let state = self.path("venues");
        let audit = self.path("orders.jsonl");
        command.args(["engine", "--env", "qa", "--name", name, "--account", "U1234789"]);
        command.arg("--state").arg(state).arg("--audit").arg(audit);
        command.args(["--orders", "4", "--positions", "3"]).args(words);
        Running::start(&mut command)
    }

    /// Starts a watcher in QA.
    pub(crate) fn watcher(&self) -> Running {
        let mut command = self.command(self.program());
        Running::start(command.args(["watch", "--env", "qa"]))
    }

    /// The kill-switch of QA as `kill status --json` tells it.
    #[track_caller]
    pub(crate) fn switch(&self) -> Value {
        self.run(&["kill", "status", "--env", "qa", "--json"]).json()["kill_switch"].clone()
    }

    /// Asks until this holds. Each question is a process of its own, which is pace enough.
    #[track_caller]
    pub(crate) fn switch_until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let told = self.switch();
            if holds(&told) {
                return told;
            }
            assert!(Instant::now() < end, "waited for {what}; told is {told:#}");
        }
    }

    /// Waits until these engines are heard and trade.
    #[track_caller]
    pub(crate) fn engines_trade(&self, count: usize) {
        self.switch_until("the engines trade", |told| {
            let engines = told["engines"].as_array().map_or(&[][..], Vec::as_slice);
            engines.len() == count && engines.iter().all(|engine| ["trading", "idle"].contains(&word(&engine["state"])))
        });
    }

    /// Stops trading in QA from a script.
    pub(crate) fn fires(&self, verb: &str) -> super::Said {
        self.run(&["kill", verb, "--env", "qa", "--confirm", "qa", "--reason", "a test"])
    }

    /// The latch of QA.
    #[track_caller]
    pub(crate) fn latch(&self) -> Value {
        let text = std::fs::read_to_string(self.state("qa").join("latch/latch")).expect("a latch");
        serde_json::from_str(&text).expect("JSON")
    }

    /// What an engine last wrote of itself.
    #[track_caller]
    pub(crate) fn status_file(&self, name: &str) -> Value {
        let file = self.state("qa").join("engines").join(format!("{name}.json"));
        serde_json::from_str(&std::fs::read_to_string(file).expect("a status file")).expect("JSON")
    }

    /// Reads an engine's status file until this holds.
    #[track_caller]
    pub(crate) fn status_file_until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let beat = self.status_file(name);
            if holds(&beat) {
                return beat;
            }
            assert!(Instant::now() < end, "waited for {what}; it says {beat:#}");
            std::thread::yield_now();
        }
    }
}

impl Screen {
    /// Opens the kill-switch's dialog, reads the code of a level, and waits until it can be typed.
    #[track_caller]
    pub(crate) fn arms(&mut self, level: u8) -> String {
        let code = self.shows_a_code(level);
        // What is typed in the first moment is not meant for the dialog: a second of its twenty has to pass.
        self.until("the guard listens", |shown| shown.contains("in 19 s") || shown.contains("in 18 s"));
        code
    }

    /// Opens the kill-switch's dialog and reads the code of a level.
    #[track_caller]
    pub(crate) fn shows_a_code(&mut self, level: u8) -> String {
        self.keys("\x18");
        let head = format!("Q{level} ");
        self.until("a code", |shown| code(shown, &head).is_some());
        code(&self.shown(), &head).expect("it was there a moment ago")
    }
}

/// The code after its head, however far apart they stand.
fn code(shown: &str, head: &str) -> Option<String> {
    shown.match_indices(head).find_map(|(at, _)| {
        let rest = shown[at + head.len()..].trim_start_matches(' ').get(..4)?;
        rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()).then(|| format!("{}{rest}", head.trim_end()))
    })
}

/// A value as a word.
pub(crate) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
