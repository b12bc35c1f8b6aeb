//! What a backend tells of the secret whose detail is open. Refuses to ask for what the selection only passes, and to
//! show an answer beside another secret than its own.

use crate::effect::Effect;
use crate::list::SecretId;
use crate::model::{Model, Screen};
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::overview::{BackendRow, Condition, SecretDetail};

/// So long the selection rests on a secret before its backend is asked.
const REST: SignedDuration = SignedDuration::from_millis(500);

/// The open detail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspect {
    /// Whose; `None` while no detail is open.
    of: Option<SecretId>,
    stage: Stage,
    /// Its version in the list when it was asked for: another one there means to ask again.
    version: Option<String>,
    /// The last answer. It stays while it is asked for again; an error goes.
    pub told: Option<Box<SecretDetail>>,
    /// What was told is an error, and its backend's next good answer asks once more.
    retries: bool,
    /// The question on its way is such a one.
    retried: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// To be asked for at once.
    #[default]
    Due,
    /// Selected since then, and maybe only passed.
    Resting(Timestamp),
    Asked,
    Told,
}

impl Inspect {
    /// The question is on its way, or about to be.
    pub fn is_awaited(&self) -> bool {
        self.of.is_some() && self.stage != Stage::Told
    }

    /// When the selection has rested long enough.
    pub(crate) fn rests_until(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Resting(since) => Some(since.saturating_add(REST).unwrap_or(since)),
            _ => None,
        }
    }

    /// What was told may be old: asks once more.
    pub(crate) fn again(&mut self) {
        if self.stage == Stage::Told {
            self.stage = Stage::Due;
        }
    }

    /// Takes an answer, if it is of the secret that is open.
    pub(crate) fn take(&mut self, detail: Box<SecretDetail>) {
        let fits = |id: &SecretId| id.name == detail.name && id.layer == detail.layer;
        if self.of.as_ref().is_some_and(fits) {
            self.stage = Stage::Told;
            // A backend that answers and refuses just this is asked twice and no more, until it was down.
            self.retries = detail.error.is_some() && !std::mem::take(&mut self.retried);
            self.told = Some(detail);
        }
    }

    /// Takes how the backends are: one that failed to tell and is well again is asked once more.
    pub(crate) fn heard(&mut self, backends: &[BackendRow]) {
        let Some(told) = self.told.as_deref().filter(|told| told.error.is_some() && self.stage == Stage::Told) else {
            return;
        };
        let Some(backend) = backends.iter().find(|row| row.name == told.layer) else { return };
        match backend.condition {
            Condition::Down { .. } => self.retries = true,
            Condition::Connecting => {}
            Condition::Ok | Condition::Warning => {
                let since = backend.answered_at.is_some_and(|at| at > told.asked_at);
                if self.retries && since {
                    (self.stage, self.told, self.retries, self.retried) = (Stage::Due, None, false, true);
                }
            }
        }
    }

    /// The clock was set back: nothing rests until a time that is far away now.
    pub(crate) fn set_back(&mut self) {
        if matches!(self.stage, Stage::Resting(_)) {
            self.stage = Stage::Due;
        }
    }
}

/// Keeps up with what is open and selected; asks when it has to be asked.
pub(crate) fn follow(model: &mut Model) -> Option<Effect> {
    let open = model.screen == Screen::Secrets && model.secrets.open && !model.size.is_tiny();
    let Some(row) = model.secrets.selected().filter(|_| open) else {
        model.inspect = Inspect::default();
        return None;
    };
    let inspect = &mut model.inspect;
    let is_same = inspect.of.as_ref().is_some_and(|id| id.name == row.name && id.layer == row.layer);
    if !is_same {
        // A detail that opens asks at once; one that follows the selection waits until it rests.
        let stage = if inspect.of.is_none() { Stage::Due } else { Stage::Resting(model.now) };
        *inspect = Inspect { of: Some(SecretId::of(row)), stage, ..Inspect::default() };
    }
    if inspect.stage == Stage::Told && inspect.version != row.version {
        inspect.stage = Stage::Due;
    }
    let due = inspect.stage == Stage::Due || inspect.rests_until().is_some_and(|until| until <= model.now);
    if !due {
        return None;
    }
    inspect.stage = Stage::Asked;
    inspect.version.clone_from(&row.version);
    Some(Effect::Inspect { name: row.name.clone(), layer: row.layer.clone() })
}
