//! `watch`: the kill-switch without a screen. It keeps the deadline, tries on what was not reached, records what engines
//! answer, and finds orders after a stop; beside that it watches the layers, carries rotations on that nobody else does,
//! and begins those that are due and allowed. Several may run. Refuses to need a configuration that can be read, a plugin
//! or a backend for the switch.

mod changes;
mod layers;
mod rotations;
mod systemd;

use crate::args::Common;
use crate::output::{self, Outcome, Trouble};
use crate::switch::{Seat, sit, text};
use changes::changes;
use layers::Layers;
use quarterdeck_control::kill::Switch;
use quarterdeck_control::tail::{Tail, TailOptions};
use quarterdeck_control::watch::sources_of;
use quarterdeck_domain::kill::{KillRow, Record};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lines of each file that are looked at when it begins: an order may have come while nobody watched.
const FIRST_LINES: usize = 1_000;

/// So often it looks whether it still watches.
const LOOKS: Duration = Duration::from_secs(5);

/// Watches until it is told to end.
pub(crate) fn run(common: &Common) -> Outcome {
    let mut ended = endings()?;
    let seat = sit(common, "watch")?;
    let log = Arc::new(Log { environment: seat.environment.name(), as_json: common.json, last: Mutex::new(None) });
    // The engines are looked for first: nothing is told of a switch that nobody has looked at.
    log.heard(seat.switch.look());
    let teller = log.clone();
    let switch = Arc::downgrade(&seat.switch);
    let known = move |row: &KillRow| switch.upgrade().is_some_and(|switch| is_recorded(&switch, row));
    seat.switch.start(Arc::new(move |mut row| {
        if row.unjournalled.is_some() && known(&row) {
            row.unjournalled = None;
        }
        teller.heard(row);
    }))?;
    let layers = Layers::start(common, log.clone());
    let tail = tail(&seat, layers.clone())?;
    systemd::notify("READY=1");
    // Asleep until a signal writes its byte, and now and then up to see whether it still watches.
    while !matches!(ended.read(&mut [0]), Ok(1)) {
        if !seat.switch.is_alive() || !layers.is_alive() {
            return Err(Trouble::failed(
                "a thread of this watcher died\n  while: watching\n  next:  start it again; engines and other watchers keep the deadline meanwhile",
            ));
        }
        systemd::notify("WATCHDOG=1");
    }
    systemd::notify("STOPPING=1");
    log.say("ended; engines and other watchers keep the deadline");
    drop(tail);
    layers.stop();
    Ok(0)
}

/// The journal has the order that stands: what waits there is an observation, which is nothing to stay up for.
fn is_recorded(switch: &Switch, row: &KillRow) -> bool {
    let generation = |record: &Option<Record>| record.as_ref().map(|record| record.generation);
    generation(&switch.recorded().record) >= generation(&row.record)
}

/// One byte comes when the process is to end.
fn endings() -> Result<UnixStream, Trouble> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(LOOKS))?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, theirs.try_clone()?)?;
    }
    Ok(ours)
}

/// Reads every audit file there is: an order after a stop is found in any of them.
fn tail(seat: &Seat, layers: Layers) -> std::io::Result<Tail> {
    let switch: Arc<Switch> = seat.switch.clone();
    let options = TailOptions { first_lines: FIRST_LINES, clock: quarterdeck_clock::utc };
    let sources = sources_of(&seat.surroundings, seat.config.as_ref(), Some(seat.environment));
    Tail::start(sources, options, move |mut news| {
        switch.saw(&mut news.lines);
        layers.heard(&news.lines);
    })
}

/// One line for each change on standard output.
struct Log {
    environment: &'static str,
    as_json: bool,
    last: Mutex<Option<KillRow>>,
}

impl Log {
    fn heard(&self, row: KillRow) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        changes(last.as_ref(), &row).iter().for_each(|line| self.say(line));
        if last.as_ref().is_none_or(|last| last.state != row.state) {
            systemd::notify(&format!("STATUS={} {}", self.environment, text::trading(&row)));
        }
        *last = Some(row);
    }

    fn say(&self, what: &str) {
        let at = quarterdeck_clock::utc();
        if self.as_json {
            output::text(&json!({ "at": at.to_string(), "environment": self.environment, "what": what }).to_string());
        } else {
            output::text(&format!("{at:.3}  {}  {what}", self.environment));
        }
    }
}
