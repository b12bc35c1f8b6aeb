//! The guard before `kill stop` and `kill halt`: a code that was drawn just now, typed by a person; or, where nobody
//! types, the environment's full name. Refuses what was typed ahead, and anything but the whole code in time.

use crate::args::Firing;
use crate::output::{Trouble, complaint};
use crate::switch::{Seat, text};
use quarterdeck_control::installation::random;
use quarterdeck_domain::kill::guard::WHOLE;
use quarterdeck_domain::kill::{Codes, Level};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{QueueSelector, isatty, tcflush};
use std::time::{Duration, Instant};

/// So many wrong codes, and nothing is sent.
const TRIES: usize = 3;

/// Passes, or says why nothing was sent.
pub(crate) fn pass(level: Level, firing: &Firing, seat: &Seat) -> Result<(), Trouble> {
    let name = seat.environment.name();
    match firing.confirm.as_deref() {
        Some(confirmed) if confirmed == name => Ok(()),
        Some(_) => Err(unconfirmed("--confirm does not name this environment in full", level, name)),
        None if isatty(std::io::stdin()) => typed(level, seat),
        None => Err(unconfirmed("nobody can type a code here, standard input is no terminal", level, name)),
    }
}

fn unconfirmed(what: &str, level: Level, name: &str) -> Trouble {
    let verb = level.verb();
    Trouble::usage(format!("nothing was sent: {what}\n  while: confirming '{verb}'\n  next:  {}", command(level, name)))
}

/// The command that needs no terminal.
pub(crate) fn command(level: Level, name: &str) -> String {
    format!("quarterdeck kill {} --env {name} --confirm {name}", level.verb())
}

/// Shows what is affected and one code, and reads lines until it is typed.
fn typed(level: Level, seat: &Seat) -> Result<(), Trouble> {
    let unsent = |why: &str| {
        Trouble::ending(
            3,
            format!(
                "nothing was sent: {why}\n  while: waiting for the code\n  next:  type it as it stands, or: {}",
                command(level, seat.environment.name())
            ),
        )
    };
    affected(level, seat);
    let random = random::<64>().map_err(|error| unsent(&format!("no code can be drawn ({error})")))?;
    let codes = Codes::draw(seat.environment, &random).ok_or_else(|| unsent("no code can be drawn"))?;
    let end = Instant::now() + Duration::try_from(WHOLE).unwrap_or(Duration::from_secs(60));
    let shown = codes.shown(level);
    // What was typed before the code could be seen is not meant for it.
    let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
    for tries_left in (0..TRIES).rev() {
        complaint(&format!(
            "\n  Type  {shown}  and Enter to {}. An empty line sends nothing.\n  code > ",
            level.verb().to_uppercase()
        ));
        let line = line_until(end).ok_or_else(|| unsent("60 s are over"))?;
        if codes.level(&line) == Some(level) {
            return Ok(());
        }
        if line.trim().is_empty() {
            return Err(unsent("no code was typed"));
        }
        complaint(&format!("  that is not the code; tries left: {tries_left}\n"));
    }
    Err(unsent("three wrong codes"))
}

/// What a person has to know before typing.
fn affected(level: Level, seat: &Seat) {
    let row = seat.switch.look();
    let now = quarterdeck_clock::utc();
    let (glyph, title) = (seat.environment.glyph(), seat.environment.title());
    let mut lines =
        vec![format!("{glyph} {title} {glyph} STOP TRADING {glyph} nothing has been sent {glyph}"), String::new()];
    lines.extend(text::standing(&row, seat.environment, now));
    lines.push(format!("  {:<11} {}", "market", text::market(&row)));
    lines.push(String::new());
    lines.extend(text::engines(&row, now));
    lines.push(String::new());
    lines.push(format!("  {}, level {}: {}", level.verb().to_uppercase(), level.number(), text::does(level, &row)));
    lines.push(format!("  hold and release: {}", text::holders(&row)));
    if let Some(why) = &row.may_not_stop {
        lines.push(format!("  ! this will be refused: {}", text::tame(why)));
    }
    lines.iter().for_each(|line| complaint(&format!("{line}\n")));
}

/// One line of the terminal; `None` when the time is over. The end of input is an empty line.
fn line_until(end: Instant) -> Option<String> {
    let stdin = std::io::stdin();
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let left = end.checked_duration_since(Instant::now())?;
        let wait = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&wait)) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => break,
        }
        // Not through std's buffer: what it took ahead poll would wait for.
        let mut part = [0u8; 256];
        match rustix::io::read(&stdin, &mut part) {
            Ok(0) | Err(_) => break,
            Ok(length) => line.extend_from_slice(&part[..length]),
        }
        if line.len() > 4096 {
            break;
        }
    }
    Some(String::from_utf8_lossy(&line).into_owned())
}
