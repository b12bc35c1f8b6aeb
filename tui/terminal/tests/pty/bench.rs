//! A pseudo-terminal with a program on it and an emulator reading it. It knows what was sent, byte by byte, and what
//! is shown; it decides nothing.

use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// The program of the tests.
pub(crate) const SUBJECT: &str = env!("CARGO_BIN_EXE_terminal-subject");
/// A machine that takes longer than this hangs.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

pub(crate) struct Bench {
    /// Both ends of the terminal; without ours, the program's hangs up.
    ends: Option<(OwnedFd, OwnedFd)>,
    shell: u32,
    exit: Receiver<ExitStatus>,
    sent: Vec<u8>,
    emulator: vt100::Parser,
    reading: bool,
}

impl Bench {
    /// The program under a shell that tells the terminal's settings before and after.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut bench = Self::start_unread(arguments);
        bench.reading = true;
        bench
    }

    /// The same with nobody reading what it writes, until [`read_on`](Self::read_on).
    pub(crate) fn start_unread(arguments: &[&str]) -> Self {
        let words: String = arguments.iter().map(|word| format!(" '{word}'")).collect();
        let mut bench = Self::start_script(&format!("\"$0\"{words}"));
        bench.reading = false;
        bench
    }

    /// A script that starts the program, `$0`, and passes on its status.
    pub(crate) fn start_script(script: &str) -> Self {
        Self::run(&format!(r#"stty -g; {script}; S=$?; stty -g; exit $S"#))
    }

    /// The program leading its session, with no shell.
    pub(crate) fn start_alone() -> Self {
        Self::run(r#"exec "$0""#)
    }

    fn run(script: &str) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pseudo-terminal");
        unlockpt(&ours).expect("a pseudo-terminal");
        let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("a plain name");
        set_size(&ours, 80, 24);
        // Held until the program has ended, or the terminal would be gone before it is there.
        let theirs = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = open(name.as_str(), theirs, Mode::empty()).expect("its other end");
        // The first terminal that the leader of a session opens is the session's.
        let script = format!("exec <>{name} >&0 2>&0; {script}");
        let mut child = Command::new("setsid")
            .args(["sh", "-c", &script, SUBJECT])
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid and sh are there");
        let shell = child.id();
        let (tell, exit) = mpsc::channel();
        thread::spawn(move || child.wait().map(|status| tell.send(status)));
        let emulator = vt100::Parser::new(24, 80, 0);
        Self { ends: Some((ours, theirs)), shell, exit, sent: Vec::new(), emulator, reading: true }
    }

    pub(crate) fn read_on(&mut self) {
        self.reading = true;
    }

    fn ours(&self) -> &OwnedFd {
        &self.ends.as_ref().expect("the terminal is there").0
    }

    pub(crate) fn type_in(&mut self, bytes: &[u8]) {
        assert_eq!(rustix::io::write(self.ours(), bytes), Ok(bytes.len()));
    }

    /// Signals the program, which is the shell's only child.
    pub(crate) fn signal(&self, signal: Signal) {
        let path = format!("/proc/{0}/task/{0}/children", self.shell);
        let children = std::fs::read_to_string(path).expect("the shell is there");
        let child = children.split_whitespace().next().and_then(|child| child.parse().ok()).and_then(Pid::from_raw);
        kill_process(child.expect("the program is there"), signal).expect("the program is there");
    }

    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        set_size(self.ours(), cols, rows);
        // The emulator has no terminal of no size.
        let (cols, rows) = if cols == 0 { (80, 24) } else { (cols, rows) };
        self.emulator.screen_mut().set_size(rows, cols);
    }

    /// Takes the terminal away, as a link that dies does.
    pub(crate) fn hang_up(&mut self) {
        self.ends = None;
    }

    pub(crate) fn until_shows(&mut self, text: &str) {
        // Lines are wrapped, and a blank at their end can't be seen.
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        let wanted = squeezed(text);
        let shows = |bench: &Self| squeezed(&bench.screen().contents()).contains(&wanted);
        self.until(&format!("the screen shows {text:?}"), shows);
    }

    pub(crate) fn until_sent(&mut self, bytes: &[u8]) {
        self.until(&format!("{} was sent", bytes.escape_ascii()), |bench| bench.has_sent(bytes));
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + BOUND;
        while !done(self) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.read(left) {
                let shown = self.screen().contents();
                panic!("waited for: {what}\nscreen: {shown}\nsent: {}", self.sent.escape_ascii());
            }
        }
    }

    /// Reads once; false if there is nothing more to come.
    fn read(&mut self, wait: Duration) -> bool {
        let Some((ours, _)) = &self.ends else { return false };
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        let mut fds = [PollFd::new(ours, PollFlags::IN)];
        let mut part = [0; 4096];
        if !matches!(poll(&mut fds, Some(&wait)), Ok(1..)) {
            return false;
        }
        let Ok(length @ 1..) = rustix::io::read(ours, &mut part) else { return false };
        self.sent.extend_from_slice(&part[..length]);
        self.emulator.process(&part[..length]);
        true
    }

    /// Waits for the end of program and shell, and returns the exit status.
    pub(crate) fn ends(&mut self) -> i32 {
        let end = Instant::now() + BOUND;
        // A terminal that nobody reads any more would keep the shell from ending.
        let status = loop {
            match self.exit.try_recv() {
                Ok(status) => break status,
                Err(_) if self.reading && self.read(Duration::from_millis(20)) => {}
                Err(_) => {
                    if let Ok(status) = self.exit.recv_timeout(Duration::from_millis(20)) {
                        break status;
                    }
                    assert!(Instant::now() < end, "the program ends\nsent: {}", self.sent.escape_ascii());
                }
            }
        };
        status.code().unwrap_or(-1)
    }

    /// Takes what was written up to the end.
    pub(crate) fn read_rest(&mut self) {
        if let Some((ours, theirs)) = self.ends.take() {
            drop(theirs);
            self.ends = Some((ours, rustix::io::dup(rustix::stdio::stdin()).expect("a file for a place")));
        }
        while self.read(BOUND) {}
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.emulator.screen()
    }

    pub(crate) fn has_sent(&self, bytes: &[u8]) -> bool {
        self.place_of(bytes).is_some()
    }

    pub(crate) fn sent_so_far(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn place_of(&self, bytes: &[u8]) -> Option<usize> {
        self.sent.windows(bytes.len()).position(|part| part == bytes)
    }

    pub(crate) fn last_place_of(&self, bytes: &[u8]) -> Option<usize> {
        self.sent.windows(bytes.len()).rposition(|part| part == bytes)
    }

    pub(crate) fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.ours()).expect("a terminal has settings").local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// The screen left, the cursor shown, reports off, and the settings as the shell had found them. To be asked
    /// after the end.
    pub(crate) fn assert_restored(&mut self) {
        self.read_rest();
        let screen = self.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let text = String::from_utf8_lossy(&self.sent);
        let is_settings =
            |line: &str| line.matches(':').count() > 20 && !line.contains(|c: char| !c.is_ascii_hexdigit() && c != ':');
        let told: Vec<&str> = text.split(['\r', '\n', 'h', 'l']).filter(|line| is_settings(line)).collect();
        assert_eq!(told.len(), 2, "settings before and after: {text}");
        assert_eq!(told[0], told[1]);
    }
}

fn set_size(fd: &OwnedFd, cols: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(fd, size).expect("a terminal has a size");
}
