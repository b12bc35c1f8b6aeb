//! The lines to try that a demo opens with. Refuses to tick one for a key: only the thing itself, having happened,
//! ticks it.

/// What has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Trading was stopped, and every engine says so.
    Stop,
    /// A rotation was promoted.
    Rotate,
    /// A search in the tail found something.
    Find,
    /// A value stood on the screen.
    Reveal,
    /// The help was opened.
    Help,
    /// The program was left.
    Leave,
}

/// One line to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// What ticks it.
    pub deed: Deed,
    /// The key, as shown: `/`.
    pub key: String,
    /// In a few words: `find a line of the audit`.
    pub text: String,
    /// It was done.
    pub done: bool,
}

impl Try {
    /// The six lines of the demo, as far as what they show is built.
    pub fn of_the_demo() -> Vec<Self> {
        let line = |deed, key: &str, text: &str| Self { deed, key: key.into(), text: text.into(), done: false };
        vec![
            line(Deed::Stop, "^X", "stop: code, ^X; then H and L"),
            line(Deed::Rotate, "R S", "rotate: the plan, then S"),
            line(Deed::Find, "/", "find: type ibkr, then Enter"),
            line(Deed::Reveal, "v", "reveal a value for 10 s"),
            line(Deed::Help, "?", "help: every key there is"),
            line(Deed::Leave, "q", "leave; the demo is gone"),
        ]
    }
}
