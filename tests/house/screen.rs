//! The real program on a pseudo-terminal, with an emulator that reads it. Refuses to wait for time: it waits until the
//! screen shows something, within a bound.

use super::processes::Process;
use super::{House, PATIENCE};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A program on a terminal.
pub(crate) struct Screen {
    child: Child,
    /// Held, so that its number can't come to mean another.
    process: Process,
    /// Our end and the program's. The latter is kept open, so that what was written outlives the program.
    terminal: Option<(OwnedFd, OwnedFd)>,
    settings: String,
    emulator: vt100::Parser,
    sent: Vec<u8>,
}

impl House {
    /// The program on a terminal of this size.
    pub(crate) fn open(&self, words: &[&str], columns: u16, rows: u16) -> Screen {
        self.on_a_terminal("exec \"$0\" \"$@\"", words, columns, rows)
    }

    /// The program under a shell with job control, which says when it stopped and how it ended.
    pub(crate) fn open_in_shell(&self, columns: u16, rows: u16) -> Screen {
        let script = "set -m; \"$0\"; echo STOPPED; read word; $word >/dev/null; echo ENDED $?";
        self.on_a_terminal(script, &[], columns, rows)
    }

    /// The program under a shell that ignores SIGHUP, as everything under it does then.
    pub(crate) fn open_deaf_to_hang_ups(&self, words: &[&str], columns: u16, rows: u16) -> Screen {
        self.on_a_terminal("trap '' HUP; \"$0\" \"$@\"; exit $?", words, columns, rows)
    }

    fn on_a_terminal(&self, script: &str, words: &[&str], columns: u16, rows: u16) -> Screen {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pseudo-terminal");
        unlockpt(&ours).expect("a pseudo-terminal");
        let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("a plain name");
        let theirs = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = open(name.as_str(), theirs, Mode::empty()).expect("its other end");
        resize(&ours, columns, rows);
        let settings = told(&tcgetattr(&ours).expect("a terminal has settings"));
        // The first terminal that the leader of a session opens is the session's.
        let script = format!("exec <>{name} >&0 2>&0; {script}");
        let mut command = self.command(std::path::Path::new("setsid"));
        command.args(["sh", "-c", &script]).arg(self.program()).args(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("setsid and sh are there");
        let process = Process::of(child.id() as i32).expect("it was just started");
        let emulator = vt100::Parser::new(rows, columns, 0);
        Screen { child, process, terminal: Some((ours, theirs)), settings, emulator, sent: Vec::new() }
    }
}

impl Screen {
    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn ours(&self) -> &OwnedFd {
        &self.terminal.as_ref().expect("the terminal is there").0
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &str) {
        assert_eq!(rustix::io::write(self.ours(), keys.as_bytes()), Ok(keys.len()), "the terminal takes keys");
    }

    /// Types, and waits until this is shown.
    #[track_caller]
    pub(crate) fn press(&mut self, keys: &str, wanted: &str) {
        self.keys(keys);
        self.shows(wanted);
    }

    /// Presses Esc, alone, and waits until this is not shown any more: what is typed at once would be Alt and a key.
    #[track_caller]
    pub(crate) fn esc(&mut self, unwanted: &str) {
        self.keys("\x1b");
        self.hides(unwanted);
    }

    /// Waits until the screen shows a text on one row.
    #[track_caller]
    pub(crate) fn shows(&mut self, wanted: &str) {
        self.until(&format!("{wanted:?}"), |shown| shown.contains(wanted));
    }

    /// Waits until the screen doesn't show a text any more.
    #[track_caller]
    pub(crate) fn hides(&mut self, unwanted: &str) {
        self.until(&format!("no {unwanted:?}"), |shown| !shown.contains(unwanted));
    }

    /// Waits until the list of secrets has this name: a row that begins with it, after the mark.
    #[track_caller]
    pub(crate) fn lists(&mut self, name: &str) {
        self.until(&format!("{name:?} in the list"), |shown| is_listed(shown, name));
    }

    /// Waits until the program draws everything again, as it does for ^L: whatever was typed before has been taken.
    #[track_caller]
    pub(crate) fn settles(&mut self) {
        self.take_in();
        let before = self.sent.len();
        self.keys("\x0c");
        let end = Instant::now() + PATIENCE;
        while !self.sent[before..].windows(4).any(|part| part == b"\x1b[2J") {
            self.read_on(end, "the picture is drawn again");
        }
    }

    /// Waits until this holds for what is shown.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        self.take_in();
        while !holds(&self.shown()) {
            self.read_on(end, what);
        }
    }

    #[track_caller]
    fn read_on(&mut self, end: Instant, what: &str) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || !self.read(left) {
            let last = self.sent.len().saturating_sub(1_000);
            let last = self.sent[last..].escape_ascii().to_string();
            panic!("waited for {what}; shown is\n{}\nsent last: {last}", self.shown());
        }
    }

    /// What the screen shows now.
    pub(crate) fn shown(&self) -> String {
        self.emulator.screen().contents()
    }

    /// One row of it, from 0.
    pub(crate) fn row(&self, row: u16) -> String {
        let (_, columns) = self.emulator.screen().size();
        self.emulator.screen().rows(0, columns).nth(row.into()).unwrap_or_default()
    }

    /// Everything that was sent to the terminal so far.
    pub(crate) fn sent(&mut self) -> &[u8] {
        self.take_in();
        &self.sent
    }

    /// Makes the terminal this large. The emulator's sheet only grows: shrinking it while a region scrolls is more than
    /// the emulator can do, and the program clears what it leaves.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.take_in();
        let (old_rows, old_columns) = self.emulator.screen().size();
        self.emulator.screen_mut().set_size(rows.max(old_rows), columns.max(old_columns));
        resize(self.ours(), columns, rows);
    }

    /// Signals the program.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid() as i32).expect("a process"), signal).expect("it runs");
    }

    /// Takes the terminal away, as a link that breaks does.
    pub(crate) fn hang_up(&mut self) {
        self.terminal = None;
    }

    /// Waits for the end, and gives the exit status; 128 and the signal when one ended it.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> i32 {
        let end = Instant::now() + PATIENCE;
        // What nobody reads would keep it from ending.
        while !self.process.has_ended() {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it did not end; shown is\n{}", self.shown());
            self.read_or_end(left);
        }
        self.take_in();
        let status = self.child.wait().expect("an exit status");
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }

    /// The terminal is as it was before: main screen, cursor, reports off, settings. Asked after the end.
    #[track_caller]
    pub(crate) fn is_restored(&mut self) {
        let settings = told(&tcgetattr(self.ours()).expect("a terminal has settings"));
        assert_eq!(settings, self.settings, "the terminal's settings");
        self.take_in();
        let screen = self.emulator.screen();
        let left = [screen.alternate_screen(), screen.hide_cursor(), screen.bracketed_paste()];
        assert_eq!(left, [false; 3], "alternate screen, hidden cursor, paste reports");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }

    fn take_in(&mut self) {
        while self.read(Duration::ZERO) {}
    }

    /// Reads once; false when nothing came in this time.
    fn read(&mut self, wait: Duration) -> bool {
        let Some((ours, _)) = &self.terminal else { return false };
        let mut part = [0; 16384];
        if !matches!(poll(&mut [PollFd::new(ours, PollFlags::IN)], Some(&span(wait))), Ok(1..)) {
            return false;
        }
        let Ok(length @ 1..) = rustix::io::read(ours, &mut part) else { return false };
        self.sent.extend_from_slice(&part[..length]);
        self.emulator.process(&part[..length]);
        true
    }

    /// Reads once, or is told of the end.
    fn read_or_end(&mut self, wait: Duration) {
        let mut either = vec![PollFd::new(self.process.handle(), PollFlags::IN)];
        if let Some((ours, _)) = &self.terminal {
            either.push(PollFd::new(ours, PollFlags::IN));
        }
        let _ = poll(&mut either, Some(&span(wait)));
        drop(either);
        self.read(Duration::ZERO);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A test that failed half-way leaves nobody behind.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// True when a list that is shown has this name.
pub(crate) fn is_listed(shown: &str, name: &str) -> bool {
    shown.lines().any(|line| line.get(2..).is_some_and(|rest| rest.starts_with(name)))
}

fn span(wait: Duration) -> Timespec {
    Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() }
}

fn resize(ours: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(ours, size).expect("a terminal has a size");
}

/// A terminal's settings, to be compared.
fn told(settings: &Termios) -> String {
    format!("{settings:?}")
}
