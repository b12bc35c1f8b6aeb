//! A key as it was pressed, and what else comes in from the terminal.
//!
//! Vocabulary only. A character carries its own case: `shift` is told for named keys, where the terminal tells it.

use crate::tty::Size;

/// A key with what was held down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// With Ctrl.
    pub ctrl: bool,
    /// With Alt, or after an Esc that came in the same breath.
    pub alt: bool,
    /// With Shift; never set for [`KeyCode::Char`] without Ctrl or Alt, whose character says it.
    pub shift: bool,
}

impl Key {
    /// A key with nothing held down.
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// A character with Ctrl held down; letters are lower case.
    pub const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: true, alt: false, shift: false }
    }
}

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// A character; never a control character. With Ctrl, letters are lower case and the space is NUL's key.
    Char(char),
    /// Enter, also the keypad's.
    Enter,
    /// Esc alone.
    Esc,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// Backspace, sent as DEL or as Ctrl-H.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1 to F20.
    F(u8),
}

/// A mouse event; comes only while the mouse is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mouse {
    /// What happened.
    pub kind: MouseKind,
    /// Column, from 0.
    pub column: u16,
    /// Row, from 0.
    pub row: u16,
}

/// What a mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MouseKind {
    /// A button went down: 0 left, 1 middle, 2 right.
    Press(u8),
    /// A button came up.
    Release(u8),
    /// The wheel, towards the beginning.
    WheelUp,
    /// The wheel, towards the end.
    WheelDown,
}

/// What comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(Key),
    /// A bracketed paste, whole: line ends are `\n`, other control characters but the tab are left out. It may be a
    /// secret; whoever takes it wipes it.
    Paste(String),
    /// A paste that was too long or cut off. Nothing of it was delivered.
    PasteLost,
    /// The mouse.
    Mouse(Mouse),
    /// The terminal has another size. The next frame is painted whole.
    Resize(Size),
    /// The program was stopped and is back; the last frame has been painted again.
    Resumed,
    /// Everything before this was typed before [`drain`](crate::Terminal::drain) was called.
    Drained,
    /// The program is to end. If it doesn't, the terminal is restored and later the process ended for it.
    Terminate(Ending),
    /// The terminal is gone. The process ends in [`Limits::hangup`](crate::Limits), whatever it is doing.
    Hangup,
}

/// Why the program is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// SIGHUP, with the terminal still there.
    Hangup,
    /// SIGINT from outside; Ctrl-C in the terminal is a key.
    Interrupt,
    /// SIGQUIT.
    Quit,
    /// SIGTERM.
    Terminate,
    /// A thread panicked; the terminal is restored already.
    Panic,
}

impl Ending {
    /// The exit status a shell expects: 128 and the signal's number, 101 for a panic.
    pub fn exit_status(self) -> i32 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Quit => 131,
            Self::Terminate => 143,
            Self::Panic => 101,
        }
    }
}
