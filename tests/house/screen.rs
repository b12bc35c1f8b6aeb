//! The real program on a pseudo-terminal, with an emulator that reads it. Refuses to wait for time: it waits until the
//! screen shows something, within a bound.

use super::{House, PATIENCE};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

/// A program on a terminal.
pub(crate) struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keys: Option<Box<dyn Write + Send>>,
    master: Option<Box<dyn MasterPty + Send>>,
    /// Kept open, so that the terminal and what it last showed outlive the program.
    slave: Option<Box<dyn SlavePty + Send>>,
    settings: String,
    output: Receiver<Vec<u8>>,
    emulator: vt100::Parser,
    sent: Vec<u8>,
}

impl House {
    /// The program on a terminal of this size.
    pub(crate) fn open(&self, words: &[&str], columns: u16, rows: u16) -> Screen {
        let pair = native_pty_system().openpty(size(columns, rows)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(self.program());
        command.args(words);
        command.cwd(self.work());
        command.env_clear();
        self.vars().iter().for_each(|(name, value)| command.env(name, value));
        let settings = settings(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let (tell, output) = channel();
        std::thread::spawn(move || {
            let mut part = [0; 16384];
            while let Ok(length @ 1..) = reader.read(&mut part) {
                if tell.send(part[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Screen {
            child,
            keys: Some(keys),
            master: Some(pair.master),
            slave: Some(pair.slave),
            settings,
            output,
            emulator: vt100::Parser::new(rows, columns, 0),
            sent: Vec::new(),
        }
    }
}

impl Screen {
    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &str) {
        let writer = self.keys.as_mut().expect("the terminal is there");
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).expect("the terminal takes keys");
    }

    /// Types, and waits until this is shown.
    #[track_caller]
    pub(crate) fn press(&mut self, keys: &str, wanted: &str) {
        self.keys(keys);
        self.shows(wanted);
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

    /// Waits until this holds for what is shown.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.take_in();
            let shown = self.shown();
            if holds(&shown) {
                return;
            }
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.feed(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("waited for {what}; shown is\n{shown}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the terminal is gone; waited for {what}\n{shown}"),
            }
            assert!(
                !matches!(self.child.try_wait(), Ok(Some(_))) || self.holds_at_last(&holds),
                "the program ended; waited for {what}\n{}\nsent last: {}",
                self.shown(),
                String::from_utf8_lossy(&self.sent[self.sent.len().saturating_sub(2_000)..])
            );
        }
    }

    fn holds_at_last(&mut self, holds: &impl Fn(&str) -> bool) -> bool {
        self.take_in();
        holds(&self.shown())
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

    /// Makes the terminal this large.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.take_in();
        self.emulator.screen_mut().set_size(rows, columns);
        self.master.as_ref().expect("the terminal is there").resize(size(columns, rows)).expect("a new size");
    }

    /// Signals the program.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid() as i32).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    /// Takes the terminal away, as a link that breaks does.
    pub(crate) fn hang_up(&mut self) {
        self.keys = None;
        self.slave = None;
        self.master = None;
    }

    /// Waits for the end, and gives the exit status; 128 and the signal when one ended it.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> i32 {
        let process = super::processes::Process::of(self.pid() as i32);
        let ended = process.is_none_or(|process| process.ends());
        self.take_in();
        assert!(ended, "it did not end; shown is\n{}", self.shown());
        let status = self.child.wait().expect("an exit status");
        match status.signal() {
            None => status.exit_code() as i32,
            Some(_) => 137,
        }
    }

    /// The terminal is as it was before: main screen, cursor, reports off, settings. Asked after the end.
    #[track_caller]
    pub(crate) fn is_restored(&mut self) {
        // What it wrote last is in the terminal already; a mark behind it tells when all of that was read.
        let now = settings(self.master.as_ref().expect("the terminal is there").as_ref());
        assert_eq!(now, self.settings, "the terminal's settings");
        self.until_quiet();
        let screen = self.emulator.screen();
        let left = [screen.alternate_screen(), screen.hide_cursor(), screen.bracketed_paste()];
        assert_eq!(left, [false; 3], "alternate screen, hidden cursor, paste reports");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }

    /// Reads until the leaving of the alternate screen, the last thing a restored terminal was sent, has come.
    #[track_caller]
    fn until_quiet(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.emulator.screen().alternate_screen() || self.emulator.screen().hide_cursor() {
            let left = end.saturating_duration_since(Instant::now());
            let bytes = self.output.recv_timeout(left).expect("the terminal was not left");
            self.feed(&bytes);
        }
    }

    fn take_in(&mut self) {
        while let Ok(bytes) = self.output.try_recv() {
            self.feed(&bytes);
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.sent.extend_from_slice(bytes);
        self.emulator.process(bytes);
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

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("a terminal has settings"))
}
