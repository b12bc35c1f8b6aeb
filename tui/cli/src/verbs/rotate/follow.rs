//! Carries a rotation on from the command line and tells each step as it is done. Refuses to leave while nobody else
//! would go on, unless the person does.

use super::text;
use crate::args::Common;
use crate::output::{self, Outcome, Trouble};
use quarterdeck_control::rotate::readers::Readers;
use quarterdeck_control::rotate::run::{Stopped, run};
use quarterdeck_control::rotate::{Begun, was_refused_before};
use quarterdeck_control::serve::Control;
use quarterdeck_control::tail::{Tail, TailOptions};
use quarterdeck_control::watch::sources;
use quarterdeck_domain::kill::Due;
use quarterdeck_domain::rotate::{Course, Ending, Lease, Question, RotationRow, Step};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// While somebody else carries it on it is looked at so often.
const LOOKS: Duration = Duration::from_millis(250);

/// Lines of each file that are heard at first: who read it before the rotation began.
const FIRST_LINES: usize = 10_000;

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

/// Carries on what was begun here. Exit 0: done, handed over, or back because a person asked. 1: went back by itself, or
/// somebody is asked. 7: LOST.
pub(super) fn begun(control: &Arc<Control>, begun: Begun, role: Role) -> Outcome {
    let Begun { number, mut typed, runner } = begun;
    let leaves = leaving()?;
    let watched = !role.stays && is_watched(control);
    let told = Teller {
        control: control.clone(),
        number,
        as_json: role.as_json,
        stays: !watched,
        told: AtomicUsize::new(0),
        said: Mutex::default(),
    };
    let is_left = || leaves.load(Ordering::Relaxed) || (watched && told.is_in_grace());
    let goes_on = || !is_left();
    let readers = Arc::new(Mutex::new(Readers::of_config(&control.config)));
    let _tail = hearing(control, &readers)?;
    loop {
        told.tell();
        let stopped = run(control, number, &runner, "rotate", typed.take(), &readers, &goes_on, &|| told.tell())?;
        told.tell();
        match stopped {
            Stopped::Over(ending) => return Ok(told.over(ending)),
            Stopped::Asks(question) => return Ok(told.asks(&question)),
            Stopped::Carried(_) if goes_on() => {
                told.tell_carried();
                std::thread::park_timeout(LOOKS);
            }
            Stopped::Carried(_) | Stopped::Told => return Ok(told.left(watched)),
        }
    }
}

/// Hears who reads and whose log-in fails, as a watcher does. Ends when it is dropped.
fn hearing(control: &Control, readers: &Arc<Mutex<Readers>>) -> std::io::Result<Tail> {
    let options = TailOptions { first_lines: FIRST_LINES, clock: quarterdeck_clock::utc };
    let readers = readers.clone();
    Tail::start(sources(control), options, move |news| {
        readers.lock().unwrap_or_else(PoisonError::into_inner).hear(&news.lines);
    })
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
    /// Nobody else is there to whom grace is left.
    stays: bool,
    told: AtomicUsize,
    said: Mutex<Said>,
}

/// What is said once.
#[derive(Default)]
struct Said {
    grace: bool,
    refused: bool,
    /// Whose lease was waited for last.
    carried: Option<String>,
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
        self.tell_once(&row);
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That the old value is refused already, and what is waited for in grace.
    fn tell_once(&self, row: &RotationRow) {
        let (rotation, mut said) = (&row.rotation, self.said());
        if was_refused_before(rotation) && !std::mem::replace(&mut said.refused, true) {
            output::aside(&format!(
                "warning: the old value, version {}, was refused already before anything was done: no way back leads to \
                 a value that works",
                text::tame(&rotation.plan.from)
            ));
        }
        let waits = rotation.is_in_grace() && rotation.step == Step::Grace && row.question.is_none();
        let left = row.grace_left.filter(|left| waits && self.stays && left.is_positive());
        let until = left.and_then(|left| quarterdeck_clock::utc().checked_add(left).ok());
        if let Some(until) = until.filter(|_| !std::mem::replace(&mut said.grace, true)) {
            let (name, until) = (rotation.name(), until.strftime("%Y-%m-%d %H:%M:%SZ"));
            output::text(&format!("waiting until {until}: both values are valid; ^C leaves it, and a watcher, a"));
            output::text(&format!("cockpit or 'quarterdeck rotate resume {name}' goes on"));
        }
    }

    /// Who carries it on, and from when this may.
    fn tell_carried(&self) {
        let Some(row) = self.row() else { return };
        let Some(lease) = row.rotation.lease.as_ref().filter(|_| !self.as_json) else { return };
        let (who, mut said) = (text::tame(&lease.words()), self.said());
        if said.carried.as_ref() == Some(&who) {
            return;
        }
        let now = quarterdeck_clock::moment();
        let left = match lease.until.judge(&now, &now) {
            Due::In(left) => left.as_secs().max(1),
            Due::Passed | Due::Doubtful { .. } => 1,
        };
        output::text(&match self.is_gone(lease) {
            true => format!("{who} is gone: its lease ends in {left} s, then this takes over"),
            false => {
                format!("{who} carries it on; if it dies, this takes over when its lease ends ({left} s from now)")
            }
        });
        said.carried = Some(who);
    }

    /// True for a process of this host that is not there any more.
    fn is_gone(&self, lease: &Lease) -> bool {
        let pid = i32::try_from(lease.pid).ok().and_then(Pid::from_raw);
        let is_here = lease.host == self.control.surroundings.host;
        is_here && pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
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
        let row = self.row();
        let why = row.as_ref().and_then(why).map(|why| format!(": {}", text::tame(&why))).unwrap_or_default();
        let was_asked = row.as_ref().is_some_and(|row| row.rotation.asked);
        let (line, status) = match ending {
            Ending::Done => (format!("{name} done: the new value is current, the old one is gone"), 0),
            Ending::RolledBack => (format!("{name} rolled back{why}"), u8::from(!was_asked)),
            Ending::Aborted => (format!("{name} aborted{why}"), 0),
            Ending::Lost => (format!("{name} LOST{why}; theirs stays, ours is revoked"), 7),
        };
        self.say(&line);
        if let Some(row) = row.filter(|_| ending == Ending::Lost) {
            row.rotation.left_valid().iter().for_each(|left| self.say(&text::tame(left)));
            let name = text::tame(&row.rotation.target().name);
            self.say(&format!("next: try what is current now, nobody did here: 'quarterdeck secrets history {name}'"));
        }
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
    match &row.rotation.course {
        Course::Forward => None,
        Course::Anew { why } | Course::Back { why, .. } => Some(why.clone()),
    }
}
