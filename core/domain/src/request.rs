//! What a person or a command asks for. Keys and verbs meet here. Refuses to hold a value: a value to be stored goes
//! beside the request, and a value that was read comes back beside the answer.

use crate::catalogue::EventKind;
use crate::kill::Level;
use crate::person::Role;
use serde::{Deserialize, Serialize};

/// Which secret, in which layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The layer: `env`, `fernet` …
    pub layer: String,
    /// The backend's name for the secret.
    pub name: String,
}

impl Target {
    /// `secret://fernet/broker.password`
    pub fn resource(&self) -> String {
        format!("secret://{}/{}", self.layer, self.name)
    }
}

/// Why a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `secrets get`.
    Get,
    /// `v` on the screen: ten seconds.
    Reveal,
}

/// One thing that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Opens a session: a cockpit, or one verb.
    OpenSession {
        /// The host.
        host: String,
        /// `cockpit` or the verb.
        program: String,
        /// The process.
        pid: u32,
    },
    /// Ends it.
    CloseSession,
    /// Reads a value.
    Read {
        /// Which.
        target: Target,
        /// Why.
        purpose: Purpose,
    },
    /// Stores a value.
    Write {
        /// Which.
        target: Target,
    },
    /// Removes a secret.
    Delete {
        /// Which.
        target: Target,
    },
    /// Brings back a secret that was deleted.
    Restore {
        /// Which.
        target: Target,
    },
    /// Looks at versions and dates; never a value.
    Inspect {
        /// Which.
        target: Target,
    },
    /// Seals the Fernet file with a new key.
    Rekey {
        /// The layer that holds the file.
        layer: String,
    },
    /// Opens a store and checks it.
    Validate {
        /// The layer.
        layer: String,
    },
    /// Makes a Fernet key.
    GenerateKey,
    /// Shows the resolved configuration, masked.
    ShowConfig,
    /// Checks the journal's chain.
    VerifyJournal,
    /// Searches all audit lines, older files too.
    QueryAudit {
        /// The filter.
        filter: String,
    },
    /// Works out a rotation; changes nothing.
    PlanRotation {
        /// Which.
        target: Target,
    },
    /// Begins a rotation.
    Rotate {
        /// Which.
        target: Target,
    },
    /// Confirms a rotation that somebody else asked for.
    ConfirmRotation {
        /// Which secret's.
        target: Target,
        /// Its number.
        number: u32,
        /// Whose confirmation it needs.
        role: Role,
    },
    /// Asks something of a rotation, or says that a step is done that is a person's.
    Steer {
        /// Which secret's.
        target: Target,
        /// Its number.
        number: u32,
    },
    /// Switches a backend's own schedule off: the secret is rotated from here.
    Adopt {
        /// Which.
        target: Target,
    },
    /// Stops trading. What carries it out doesn't go through the journal first: see `kill::machine`.
    Fire(Level),
    /// Keeps level 3 without its deadline.
    Hold,
    /// Back to trading.
    Release,
}

impl Request {
    /// The event that records it.
    pub fn event(&self) -> EventKind {
        match self {
            Self::OpenSession { .. } => EventKind::SessionOpened,
            Self::CloseSession => EventKind::SessionClosed,
            Self::Read { purpose: Purpose::Get, .. } => EventKind::SecretRead,
            Self::Read { purpose: Purpose::Reveal, .. } => EventKind::SecretReveal,
            Self::Write { .. } => EventKind::SecretWrite,
            Self::Delete { .. } => EventKind::SecretDelete,
            Self::Restore { .. } => EventKind::SecretRestore,
            Self::Inspect { .. } => EventKind::SecretInspected,
            Self::Rekey { .. } => EventKind::SecretRekey,
            Self::Validate { .. } => EventKind::SecretValidate,
            Self::GenerateKey => EventKind::KeyGenerated,
            Self::ShowConfig => EventKind::ConfigRead,
            Self::VerifyJournal => EventKind::JournalVerified,
            Self::QueryAudit { .. } => EventKind::AuditQueried,
            Self::PlanRotation { .. } | Self::Rotate { .. } => EventKind::RotationPlanned,
            Self::ConfirmRotation { .. } => EventKind::RotationConfirmed,
            Self::Steer { .. } => EventKind::RotationAsked,
            Self::Adopt { .. } => EventKind::RotationAdopted,
            Self::Fire(_) => EventKind::KillSwitchActivated,
            Self::Hold => EventKind::KillSwitchHeld,
            Self::Release => EventKind::KillSwitchReleased,
        }
    }

    /// What it is done to, as the record names it.
    pub fn resource(&self) -> String {
        match self {
            Self::OpenSession { program, .. } => format!("session://{program}"),
            Self::CloseSession => "session://".into(),
            Self::Read { target, .. }
            | Self::Write { target }
            | Self::Delete { target }
            | Self::Restore { target }
            | Self::PlanRotation { target }
            | Self::Rotate { target }
            | Self::ConfirmRotation { target, .. }
            | Self::Steer { target, .. }
            | Self::Adopt { target }
            | Self::Inspect { target } => target.resource(),
            Self::Rekey { layer } | Self::Validate { layer } => format!("backend://{layer}"),
            Self::GenerateKey => "key://fernet".into(),
            Self::ShowConfig => "config://".into(),
            Self::VerifyJournal => "journal://".into(),
            Self::QueryAudit { .. } => "audit://".into(),
            Self::Fire(level) => format!("trading://{}", level.verb()),
            Self::Hold => "trading://hold".into(),
            Self::Release => "trading://release".into(),
        }
    }

    /// The secret it is about.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Read { target, .. }
            | Self::Write { target }
            | Self::Delete { target }
            | Self::Restore { target }
            | Self::PlanRotation { target }
            | Self::Rotate { target }
            | Self::ConfirmRotation { target, .. }
            | Self::Steer { target, .. }
            | Self::Adopt { target }
            | Self::Inspect { target } => Some(target),
            _ => None,
        }
    }

    /// True when it changes what is stored or makes the firm riskier: read-only refuses it. A stop it never refuses.
    pub fn changes_something(&self) -> bool {
        matches!(
            self,
            Self::Write { .. }
                | Self::Delete { .. }
                | Self::Restore { .. }
                | Self::Rekey { .. }
                | Self::Rotate { .. }
                | Self::ConfirmRotation { .. }
                | Self::Steer { .. }
                | Self::Adopt { .. }
                | Self::Hold
                | Self::Release
        )
    }

    /// In words, for a refusal: `read secret://fernet/broker.password`.
    pub fn words(&self) -> String {
        format!("{} {}", self.event().entry().verb.to_lowercase(), self.resource())
    }
}
