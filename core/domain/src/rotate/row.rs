//! Rotations as everybody may see them. Refuses values.

use super::{Plan, Question, Rotation, Step};
use crate::rotation::SecretState;
use jiff::{SignedDuration, Timestamp};

/// What the screen and `rotate status` show of one rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationRow {
    /// All that the journal knows.
    pub rotation: Rotation,
    /// The state that it gives its secret; nothing before promote.
    pub state: Option<SecretState>,
    /// What is left of grace, by the clocks of this host.
    pub grace_left: Option<SignedDuration>,
    /// Who is asked for what.
    pub question: Option<Question>,
    /// What it waits for by itself, in words.
    pub waits: Option<String>,
    /// Its runner's lease counts, or nothing is to be done now.
    pub carried: bool,
    /// Nothing is to be done now, and nobody holds it meanwhile: whoever is there when it is time goes on.
    pub rests: bool,
    /// The session that is told of it may carry it on.
    pub here: bool,
    /// Who reads the secret, worst first.
    pub readers: Vec<ReaderRow>,
    /// Log-in errors since promote, within the rule's time.
    pub errors: u32,
}

/// One reader of a secret, as the audit tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderRow {
    /// Its name.
    pub name: String,
    /// When it read last.
    pub last_read: Option<Timestamp>,
    /// Which version that was, where it is known.
    pub version: Option<String>,
    /// Its log-in errors since promote; nothing where no source would tell.
    pub errors: Option<u32>,
    /// The last error, in words.
    pub last_error: String,
}

/// A plan before it is begun: what `R` and `--dry-run` show. No call that writes was made for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    /// The plan, as it would be carried out.
    pub plan: Plan,
    /// What each step will do, in words.
    pub steps: Vec<(Step, String)>,
    /// What a person should know besides.
    pub warnings: Vec<String>,
    /// Why it can't be begun; empty when it can.
    pub hinders: Vec<String>,
    /// Whose signed approval is waited for (Production): start answers with exit 9.
    pub approval: Option<String>,
    /// The rotation of this secret that is under way, and by whom.
    pub live: Option<(u32, String)>,
    /// Who reads the secret now.
    pub readers: Vec<ReaderRow>,
}
