//! Carries a rotation on from the command line and tells each step as it is done. Refuses to leave while nobody else
//! would go on, unless the person does.

use super::text;
use crate::args::Common;
use crate::output::{self, Outcome, Trouble};
use quarterdeck_control::rotate::Begun;
use quarterdeck_control::rotate::readers::Readers;
use quarterdeck_control::rotate::run::{Stopped, run};
use quarterdeck_control::serve::Control;
use quarterdeck_domain::rotate::{Ending, Question, RotationRow, Step};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// While somebody else carries it on it is looked at so often.
const LOOKS: Duration = Duration::from_millis(250);

/// How this process stands to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Role {
    /// It stays until the end, though a watcher would go on in grace.
    stays: bool,
    as_json: bool,
}

impl Role {
    /// Leaves grace to a watcher where one lives.
    pub(super) fn asked(common: &Common) -> Self {
        Self { stays: false, as_json: common.json }
    }

    /// Stays.
    pub(super) fn stays(common: &Common) -> Self {
        Self { stays: true, as_json: common.json }
    }
}

/// Carries on what another process may have begun.
pub(super) fn follow(control: &Arc<Control>, number: u32, role: Role) -> Outcome {
    let runner = format!("{}-{number}", control.who.session);
    begun(control, Begun { number, typed: None, runner }, role)
}

/// Carries on what was begun here. Exit 0: done, or handed over. 1: went back, or somebody is asked. 7: LOST.
pub(super) fn begun(control: &Arc<Control>, begun: Begun, role: Role) -> Outcome {
    let Begun { number, mut typed, runner } = begun;
    let leaves = leaving()?;
    let told = Teller { control: control.clone(), number, as_json: role.as_json, told: AtomicUsize::new(0) };
    let watched = !role.stays && is_watched(control);
    let is_left = || leaves.load(Ordering::Relaxed) || (watched && told.is_in_grace());
    let goes_on = || !is_left();
    let readers = Mutex::new(Readers::default());
    loop {
        told.tell();
        let stopped = run(control, number, &runner, "rotate", typed.take(), &readers, &goes_on, &|| told.tell())?;
        told.tell();
        match stopped {
            Stopped::Over(ending) => return Ok(told.over(ending)),
            Stopped::Asks(question) => return Ok(told.asks(&question)),
            Stopped::Carried(_) if goes_on() => std::thread::park_timeout(LOOKS),
            Stopped::Carried(_) | Stopped::Told => return Ok(told.left(watched)),
        }
    }
}

fn leaving() -> Result<Arc<AtomicBool>, Trouble> {
    let leaves = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, leaves.clone())?;
    }
    Ok(leaves)
}

/// A watcher lives that would go on.
fn is_watched(control: &Control) -> bool {
    control.switch("rotate").is_some_and(|switch| !switch.look().watchers.is_empty())
}

/// Tells what is over since it was told last.
struct Teller {
    control: Arc<Control>,
    number: u32,
    as_json: bool,
    told: AtomicUsize,
}

impl Teller {
    fn row(&self) -> Option<RotationRow> {
        self.control.rotations().into_iter().find(|row| row.rotation.number == self.number)
    }

    fn tell(&self) {
        let Some(row) = self.row() else { return };
        let past = &row.rotation.past;
        let told = self.told.swap(past.len(), Ordering::Relaxed);
        if self.as_json {
            return;
        }
        for past in past.iter().skip(told) {
            let cells = text::past(past);
            let line = format!("{:<12} {:<10} {:>9} {:>8}  {}", cells[0], cells[1], cells[2], cells[3], cells[4]);
            output::text(line.trim_end());
        }
    }

    fn is_in_grace(&self) -> bool {
        let in_grace = |row: RotationRow| row.rotation.is_live() && row.rotation.step == Step::Grace;
        self.row().is_some_and(in_grace)
    }

    fn data(&self) {
        if let Some(row) = self.row().filter(|_| self.as_json) {
            output::data(&super::data::rotation(&row));
        }
    }

    fn say(&self, line: &str) {
        if !self.as_json {
            output::text(line);
        }
    }

    fn over(&self, ending: Ending) -> u8 {
        self.data();
        let name = format!("R-{}", self.number);
        let why = self.row().and_then(|row| why(&row)).map(|why| format!(": {}", text::tame(&why))).unwrap_or_default();
        let (line, status) = match ending {
            Ending::Done => (format!("{name} done: the new value is current, the old one is gone"), 0),
            Ending::RolledBack => (format!("{name} rolled back{why}"), 1),
            Ending::Aborted => (format!("{name} aborted{why}"), 0),
            Ending::Lost => (format!("{name} LOST{why}; theirs stays, ours is revoked"), 7),
        };
        self.say(&line);
        status
    }

    fn asks(&self, question: &Question) -> u8 {
        self.data();
        let name = format!("R-{}", self.number);
        self.say(&format!("{name} {}", text::asked(question)));
        self.say(&format!("next: {}", text::next(question, &name)));
        // A confirmation is a thing to wait for; all else wants somebody now.
        if *question == Question::Confirm { 9 } else { 1 }
    }

    fn left(&self, watched: bool) -> u8 {
        let Some(row) = self.row() else { return 0 };
        if let Some((ending, _)) = row.rotation.ended {
            return self.over(ending);
        }
        self.data();
        let name = format!("R-{}", self.number);
        self.say(&format!("{name} {}", text::standing(&row, quarterdeck_clock::utc())));
        self.say(&match watched {
            true => format!("next: a watcher goes on; 'quarterdeck rotate status {name}' shows it"),
            false => format!("next: 'quarterdeck rotate resume {name}', or a watcher, goes on"),
        });
        0
    }
}

fn why(row: &RotationRow) -> Option<String> {
    use quarterdeck_domain::rotate::Course;
    match &row.rotation.course {
        Course::Forward => None,
        Course::Anew { why } | Course::Back { why, .. } => Some(why.clone()),
    }
}
