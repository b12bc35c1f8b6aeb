//! What is shown: the newest frame, at once if the terminal takes it, else as soon as it does.
//!
//! The caller never waits for the terminal. A frame is written where it was drawn, in one write(2) that doesn't
//! block; only what a slow terminal leaves over is carried on by a thread of its own, which sleeps at all other
//! times (a thread woken for every tick of the clock would double the wake-ups). At most one frame waits: a newer
//! one takes its place, and costs nothing for what was dropped, since differences are taken from what was written.
//!
//! Every copy of a screen that is held here is wiped as soon as it isn't needed: the grids and the bytes sent. The
//! last frame is held as long as it is shown. Not claimed: the kernel's buffer, the terminal itself, what the drawing
//! left elsewhere, symbols of more than 24 bytes, which a ratatui buffer keeps on the heap, and the buffer of a frame
//! that wasn't said to be sensitive, which stays as drawn until the next one is asked for.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use base64::Engine;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rustix::event::{PollFd, PollFlags, poll};
use zeroize::Zeroizing;

use crate::encode::{Encoder, wipe};
use crate::features::Features;
use crate::grid::Grid;
use crate::tty::{Size, Tty};

/// The longest text that may be copied, in bytes: some terminals drop longer ones, some choke on them.
pub const COPY_MOST: usize = 32 * 1024;

/// A drawn screen.
#[derive(Debug)]
pub struct Frame {
    /// The cells.
    pub buffer: Buffer,
    /// Where the cursor stands, column and row; hidden if there is none.
    pub cursor: Option<(u16, u16)>,
    /// A value is to be read in it: the buffer is wiped before it is used again.
    pub sensitive: bool,
}

/// A text longer than [`COPY_MOST`].
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes are too many to copy, {COPY_MOST} at most")]
pub struct TooLong {
    /// Its length.
    pub bytes: usize,
}

/// The way to the screen. Cheap to clone; any thread may hold one.
#[derive(Clone, Debug)]
pub struct Screen {
    shared: Arc<Output>,
}

impl Screen {
    pub(crate) fn new(shared: Arc<Output>) -> Self {
        Self { shared }
    }

    /// The terminal's size now.
    pub fn size(&self) -> Size {
        self.shared.tty.size()
    }

    /// An empty buffer of the terminal's size to draw the next frame in; one that was shown is used again.
    pub fn blank(&self) -> Buffer {
        let Size { cols, rows } = self.size();
        let area = Rect::new(0, 0, cols, rows);
        let spare = self.shared.lock().spare.take();
        match spare {
            Some(mut buffer) if buffer.area == area => {
                buffer.reset();
                buffer
            }
            _ => Buffer::empty(area),
        }
    }

    /// Shows a frame. Returns at once, whether or not the terminal reads.
    pub fn show(&self, frame: Frame) {
        let Frame { mut buffer, cursor, sensitive } = frame;
        let size = self.size();
        let mut out = self.shared.lock();
        let mut grid = out.waiting.take().map(|(grid, _)| grid).unwrap_or_else(|| std::mem::take(&mut out.grid));
        grid.read(&buffer, (size.cols, size.rows), &self.shared.features);
        out.waiting = (!out.ended).then_some((grid, cursor));
        if sensitive {
            wipe_buffer(&mut buffer);
        }
        out.spare = Some(buffer);
        self.shared.send(out);
    }

    /// Paints the last frame again, whole, whatever the terminal shows.
    pub fn repaint(&self) {
        let mut out = self.shared.lock();
        out.again();
        self.shared.send(out);
    }

    /// Rings.
    pub fn bell(&self) {
        self.command(|words| words.bell = true);
    }

    /// Sets the terminal's title. Only words that stand in the program: never a name that came from outside.
    pub fn title(&self, words: &'static str) {
        self.command(|to_say| to_say.title = Some(words));
    }

    /// Copies a text to the user's clipboard (OSC 52); the terminal may be set to refuse, and doesn't tell.
    pub fn copy(&self, text: &str) -> Result<(), TooLong> {
        if text.len() > COPY_MOST {
            return Err(TooLong { bytes: text.len() });
        }
        let mut coded = Zeroizing::new(String::with_capacity(COPY_MOST * 4 / 3 + 16));
        coded.push_str("\x1b]52;c;");
        base64::engine::general_purpose::STANDARD.encode_string(text, &mut coded);
        coded.push('\x07');
        self.command(|words| words.copy = Some(coded));
        Ok(())
    }

    /// Empties the user's clipboard.
    pub fn clear_clipboard(&self) {
        self.command(|words| words.copy = Some(Zeroizing::new("\x1b]52;c;\x07".to_owned())));
    }

    /// Switches the mouse; it is off at first.
    pub fn set_mouse(&self, on: bool) {
        self.command(|words| words.mouse = Some(on));
    }

    fn command(&self, say: impl FnOnce(&mut Words)) {
        let mut out = self.shared.lock();
        say(&mut out.words);
        self.shared.send(out);
    }
}

/// Overwrites what a buffer spells, before it is freed or drawn in again. The symbols of cells lie in the cells
/// themselves up to 24 bytes; longer ones are freed as they are.
fn wipe_buffer(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        cell.set_symbol("                        ");
        cell.set_symbol(" ");
    }
    // Keeps the compiler from leaving out writes that nothing reads.
    std::hint::black_box(&buffer.content);
}

/// What is to be said to the terminal besides the screen: one of each, the newest.
#[derive(Debug, Default)]
struct Words {
    bell: bool,
    title: Option<&'static str>,
    mouse: Option<bool>,
    copy: Option<Zeroizing<String>>,
}

/// Everything on its way out.
#[derive(Debug)]
pub(crate) struct Out {
    encoder: Encoder,
    /// Bytes that are being sent, from `sent` on.
    bytes: Vec<u8>,
    sent: usize,
    /// The newest frame, not sent yet.
    waiting: Option<(Grid, Option<(u16, u16)>)>,
    last_cursor: Option<(u16, u16)>,
    words: Words,
    grid: Grid,
    spare: Option<Buffer>,
    ended: bool,
}

impl Out {
    /// Sees to it that the last frame is painted anew.
    fn again(&mut self) {
        if self.waiting.is_none() && self.encoder.has_shown() {
            self.waiting = Some((self.encoder.shown(), self.last_cursor));
        }
        self.encoder.lose();
    }

    /// Puts what waits into bytes.
    fn fill(&mut self, tty: &Tty) {
        if let Some((mut grid, cursor)) = self.waiting.take() {
            self.encoder.encode(&mut grid, cursor, &mut self.bytes);
            self.last_cursor = cursor;
            self.grid = grid;
        }
        let Words { bell, title, mouse, copy } = std::mem::take(&mut self.words);
        self.bytes.extend_from_slice(if bell { b"\x07" } else { b"" });
        self.bytes.extend(title.map(|title| tty.title_bytes(title)).unwrap_or_default());
        self.bytes.extend_from_slice(mouse.map(|on| tty.mouse_bytes(on)).unwrap_or_default());
        self.bytes.extend_from_slice(copy.as_ref().map(|copy| copy.as_bytes()).unwrap_or_default());
    }

    fn has_words(&self) -> bool {
        let Words { bell, title, mouse, copy } = &self.words;
        *bell || title.is_some() || mouse.is_some() || copy.is_some()
    }

    fn drop_bytes(&mut self) {
        wipe(&mut self.bytes);
        self.sent = 0;
    }
}

/// The output half, shared by callers, the carrier of left-overs, and whoever restores the terminal.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) tty: Tty,
    features: Features,
    out: Mutex<Out>,
    left_over: Condvar,
}

impl Output {
    pub(crate) fn new(tty: Tty, features: Features) -> Self {
        let out = Out {
            encoder: Encoder::new(features),
            bytes: Vec::new(),
            sent: 0,
            waiting: None,
            last_cursor: None,
            words: Words::default(),
            grid: Grid::default(),
            spare: None,
            ended: false,
        };
        Self { tty, features, out: Mutex::new(out), left_over: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what there is, as far as the terminal takes it; the rest is left to [`carry`](Self::carry).
    fn send(&self, mut out: MutexGuard<'_, Out>) {
        // One frame is on its way already, or nobody looks.
        if !out.bytes.is_empty() || !self.tty.inside() || out.ended {
            return;
        }
        out.fill(&self.tty);
        self.push(&mut out);
        if !out.bytes.is_empty() {
            self.left_over.notify_one();
        }
    }

    /// One write(2).
    fn push(&self, out: &mut Out) {
        if out.bytes.is_empty() {
            return;
        }
        match self.tty.write(&out.bytes[out.sent..]) {
            Ok(written) => out.sent += written,
            Err(rustix::io::Errno::AGAIN) => {}
            Err(_) => {
                self.tty.gone.store(true, SeqCst);
                out.sent = out.bytes.len();
            }
        }
        if out.sent == out.bytes.len() {
            out.drop_bytes();
        }
    }

    /// Carries on what a slow terminal left over. Runs on a thread of its own until the end.
    pub(crate) fn carry(&self) {
        loop {
            let out = self.lock();
            let idle = |out: &mut Out| !out.ended && (out.bytes.is_empty() || !self.tty.inside());
            let out = self.left_over.wait_while(out, idle).unwrap_or_else(PoisonError::into_inner);
            if out.ended {
                return;
            }
            drop(out);
            let mut fds = [PollFd::new(&self.tty.fd, PollFlags::OUT)];
            let _ = poll(&mut fds, None);
            if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                self.tty.gone.store(true, SeqCst);
            }
            let mut out = self.lock();
            if !self.tty.inside() {
                continue;
            }
            self.push(&mut out);
            if out.bytes.is_empty() && (out.waiting.is_some() || out.has_words()) {
                out.fill(&self.tty);
                self.push(&mut out);
            }
        }
    }

    /// Forgets what the terminal shows: it has another size.
    pub(crate) fn lose(&self) {
        self.lock().encoder.lose();
    }

    /// Comes back after [`leave`](Self::leave) and paints the last frame.
    pub(crate) fn enter(&self) -> std::io::Result<()> {
        let mut out = self.lock();
        if out.ended {
            return Err(std::io::ErrorKind::NotConnected.into());
        }
        self.tty.enter()?;
        out.again();
        out.encoder.restart();
        self.send(out);
        Ok(())
    }

    /// Restores the terminal, whoever holds the lock: a thread that panicked while it drew may be this one.
    pub(crate) fn leave(&self, last: bool) {
        let end = Instant::now() + Duration::from_millis(20);
        let out = loop {
            match self.out.try_lock() {
                Ok(out) => break Some(out),
                Err(TryLockError::Poisoned(poisoned)) => break Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() >= end => break None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let Some(mut out) = out else { return self.tty.leave(true, last) };
        self.tty.leave(out.sent > 0, last);
        if !out.bytes.is_empty() {
            // What was being sent never arrived whole.
            out.again();
            out.drop_bytes();
        }
        if last {
            out.ended = true;
            out.waiting = None;
            out.spare = None;
            self.left_over.notify_one();
        }
    }
}
