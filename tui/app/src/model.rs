//! What the screen knows. Refuses to hold more than it shows: the truth is in the journal and the backends, and a
//! value stays here for ten seconds at most.

use crate::entry::{Entry, Line};
use crate::inspect::Inspect;
use crate::keymap::Keymap;
use crate::list::{BackendList, SecretId, SecretList};
use crate::news::Message;
use crate::rotate::Asking;
use crate::rotation::Rotations;
use crate::switch::Dialog;
use crate::tail::Tail;
use crate::tries::Try;
use crate::value::Value;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::KillRow;
use quarterdeck_domain::overview::{JournalRow, SourceRow};
use quarterdeck_domain::person::Who;

/// Where the screen stands and who sits before it. Fixed for the life of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Which environment.
    pub environment: Environment,
    /// Who.
    pub who: Who,
    /// The host's name.
    pub host: String,
    /// The desk's telephone number, if configuration has one.
    pub desk: Option<String>,
}

/// What a session may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything its role allows.
    Free,
    /// Looking, until it is unlocked.
    LookOnly,
    /// Looking, for good; [`Setup::read_only_because`] says why.
    ReadOnly,
    /// Everything its role allows, until then.
    Unlocked {
        /// When it is look only again.
        until: Timestamp,
    },
}

impl Access {
    /// True where guarded actions work.
    pub fn is_free(self) -> bool {
        matches!(self, Self::Free | Self::Unlocked { .. })
    }

    /// What a session begins with: Production looks only, and `--readonly` everywhere.
    pub fn at_start(environment: Environment, readonly: bool) -> Self {
        match (environment, readonly) {
            (_, true) => Self::ReadOnly,
            (Environment::Production, false) => Self::LookOnly,
            _ => Self::Free,
        }
    }
}

/// When the bell rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bell {
    /// Never.
    Off,
    /// For a new CRITICAL line.
    #[default]
    Critical,
}

/// Everything the screen is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Where and who.
    pub seat: Seat,
    /// What the session may do.
    pub access: Access,
    /// Why it may only look, for good; `--readonly` where nothing else is said.
    pub read_only_because: Option<String>,
    /// For how long `u` unlocks.
    pub unlock_for: SignedDuration,
    /// When the bell rings.
    pub bell: Bell,
    /// The keys.
    pub keymap: Keymap,
    /// The lines to try, in a demo.
    pub tries: Vec<Try>,
}

impl Setup {
    /// Why this session may only look, for good.
    pub(crate) fn why_read_only(&self) -> String {
        self.read_only_because.clone().unwrap_or_else(|| "it was started with --readonly".to_owned())
    }

    /// The ordinary start: Production looks only and is unlocked for ten minutes, the demo has its lines to try.
    pub fn new(seat: Seat, readonly: bool) -> Self {
        let demo = seat.environment == Environment::Demo;
        Self {
            access: Access::at_start(seat.environment, readonly),
            read_only_because: None,
            unlock_for: SignedDuration::from_mins(10),
            bell: Bell::default(),
            keymap: Keymap::default(),
            tries: if demo { Try::of_the_demo() } else { Vec::new() },
            seat,
        }
    }
}

/// The screens, by their digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Screen {
    /// 1.
    Overview,
    /// 2.
    Secrets,
    /// 3.
    Audit,
    /// 6.
    Backends,
    /// 7.
    Rotation,
}

/// What lies over the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// The help with its filter and how far it is scrolled.
    Help {
        /// What must stand in a row.
        filter: Line,
        /// Rows scrolled.
        scroll: usize,
    },
    /// The palette with its filter and what is selected in it.
    Palette {
        /// What must stand in a name.
        filter: Line,
        /// The selected place.
        place: usize,
    },
    /// The kill-switch.
    KillSwitch(Dialog),
    /// Hold level 3? Asks for the reason.
    Hold {
        /// The reason.
        reason: Line,
    },
    /// Release? Asks for the reason, and after level 4 for the post-incident note.
    Release {
        /// The reason.
        reason: Line,
        /// The note.
        note: Line,
        /// The note is being typed.
        in_note: bool,
    },
    /// Something that changes a rotation?
    Rotation(Asking),
    /// Leave?
    Leave,
    /// Unlock?
    Unlock,
}

/// The terminal's size, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl Size {
    /// True where the screen is too small to act on: only the state is said, and nothing guarded works.
    pub fn is_tiny(self) -> bool {
        self.columns < 40 || self.rows < 10
    }
}

/// How much a notice wants to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Done.
    Told,
    /// Refused by policy.
    Refused,
    /// Tried and failed.
    Failed,
}

/// A message on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it wants to be read.
    pub weight: Weight,
    /// What it says.
    pub message: Message,
    /// When it goes by itself.
    pub until: Timestamp,
}

/// The one value that may stand on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reveal {
    /// None.
    #[default]
    Masked,
    /// Asked for and not here yet.
    Asked(SecretId),
    /// Here.
    Shown {
        /// Whose it is.
        id: SecretId,
        /// It.
        value: Value,
        /// When it goes.
        until: Timestamp,
    },
}

/// The model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What it was started with; `access`, `bell` and the ticks of the lines to try change.
    pub setup: Setup,
    /// The time of the last news.
    pub now: Timestamp,
    /// The terminal's size.
    pub size: Size,
    /// The screen that is shown.
    pub screen: Screen,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// What the kill-switch's dialog covers, to come back when it closes with nothing sent. The field that is typed into
    /// stays in `entry` meanwhile.
    pub beneath: Option<Overlay>,
    /// The field that is typed into.
    pub entry: Option<Entry>,
    /// The message on the screen.
    pub notice: Option<Notice>,
    /// The secrets.
    pub secrets: SecretList,
    /// What a backend told of the secret whose detail is open.
    pub inspect: Inspect,
    /// The value that stands revealed.
    pub reveal: Reveal,
    /// The backends.
    pub backends: BackendList,
    /// The rotations.
    pub rotations: Rotations,
    /// The kill-switch and the engines; `None` until control told.
    pub kill: Option<Box<KillRow>>,
    /// The audit.
    pub tail: Tail,
    /// What else is known.
    pub known: Known,
}

/// What control told beside the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The journal; `None` until it was told.
    pub journal: Option<JournalRow>,
    /// The audit's sources.
    pub sources: Vec<SourceRow>,
    /// When control last said anything.
    pub alive_at: Timestamp,
    /// When the program began.
    pub started_at: Timestamp,
    /// When the kill-switch was last told of.
    pub kill_at: Option<Timestamp>,
    /// The step of the last minute before level 4 for which the bell rang.
    pub(crate) rung: Option<i128>,
    /// The terminal reports the mouse.
    pub mouse: bool,
}

impl Model {
    /// An empty screen at this time.
    pub fn new(setup: Setup, now: Timestamp) -> Self {
        Self {
            setup,
            now,
            size: Size::default(),
            screen: Screen::Overview,
            overlay: None,
            beneath: None,
            entry: None,
            notice: None,
            secrets: SecretList::default(),
            inspect: Inspect::default(),
            reveal: Reveal::default(),
            backends: BackendList::default(),
            rotations: Rotations::new(now),
            kill: None,
            tail: Tail::default(),
            known: Known {
                journal: None,
                sources: Vec::new(),
                alive_at: now,
                started_at: now,
                kill_at: None,
                rung: None,
                mouse: false,
            },
        }
    }

    /// How long control has been silent, when that is too long for the screen to be believed.
    pub fn silent_for(&self) -> Option<SignedDuration> {
        let silent = self.now.duration_since(self.known.alive_at);
        (silent > 3 * Self::ALIVE_EVERY).then_some(silent)
    }

    /// How often control says that it lives.
    pub const ALIVE_EVERY: SignedDuration = SignedDuration::from_secs(5);

    /// The value that stands revealed, of this secret, and when it goes.
    pub fn revealed(&self, id: &SecretId) -> Option<(&Value, Timestamp)> {
        match &self.reveal {
            Reveal::Shown { id: shown, value, until } if shown == id => Some((value, *until)),
            _ => None,
        }
    }
}
