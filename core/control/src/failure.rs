//! How a request fails, in three parts: what happened, what was being done, what to do next. Refuses to carry a value.

use quarterdeck_contract::{BackendError, ErrorKind};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::sanitise;

/// Why a request was not, or not surely, carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Policy says no.
    Refused {
        /// What was asked.
        asked: String,
        /// Each reason.
        reasons: Vec<String>,
    },
    /// What stands says no: it is no matter of role.
    Declined {
        /// What was asked.
        asked: String,
        /// Why.
        what: String,
        /// What to do instead.
        next: String,
    },
    /// Somebody or something came first.
    Forestalled {
        /// What was asked.
        asked: String,
        /// Who or what.
        what: String,
        /// What to do instead.
        next: String,
    },
    /// Somebody has to sign first.
    NeedsApproval {
        /// What was asked.
        asked: String,
        /// Who.
        by: Role,
        /// Why.
        why: String,
    },
    /// It belongs to another environment.
    Crossed {
        /// What was asked.
        asked: String,
        /// Whose it is.
        owner: Environment,
    },
    /// No layer holds it.
    NotFound {
        /// The name that was asked for.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
        /// Which layers were asked.
        layers: Vec<String>,
    },
    /// A backend could not do it.
    Backend {
        /// The layer.
        layer: String,
        /// Its own words.
        error: Box<BackendError>,
    },
    /// The journal can't be written: nothing was done.
    Unwritten {
        /// Why.
        why: String,
    },
    /// It was done and the journal could not be told.
    Unrecorded {
        /// What was done.
        done: String,
        /// Why.
        why: String,
    },
    /// The journal is broken.
    Broken {
        /// What and where.
        what: String,
    },
    /// The request makes no sense here.
    Senseless {
        /// What is wrong.
        what: String,
        /// What to do.
        next: String,
    },
}

/// The three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub what: String,
    /// What was being done.
    pub doing: String,
    /// What to do next.
    pub next: String,
}

impl Failure {
    /// What a layer's backend answered.
    pub fn of_backend(layer: &str, error: BackendError) -> Self {
        Self::Backend { layer: layer.to_owned(), error: Box::new(tame(error)) }
    }

    /// The exit status of the command line for it (design: 'Command line').
    pub fn status(&self) -> u8 {
        match self {
            Self::Refused { .. } | Self::Crossed { .. } | Self::Declined { .. } => 3,
            Self::NeedsApproval { .. } => 9,
            Self::Forestalled { .. } => 7,
            Self::NotFound { .. } => 4,
            Self::Backend { error, .. } => match error.kind {
                ErrorKind::NotFound | ErrorKind::Deleted | ErrorKind::Destroyed => 4,
                ErrorKind::Conflict { .. } => 7,
                ErrorKind::Unsupported | ErrorKind::Invalid | ErrorKind::TooLarge => 1,
                _ => 5,
            },
            Self::Broken { .. } => 6,
            Self::Unwritten { .. } | Self::Unrecorded { .. } | Self::Senseless { .. } => 1,
        }
    }

    /// The three parts, for the screen and the command line.
    pub fn told(&self) -> Told {
        let told = |what: String, doing: String, next: String| Told { what, doing, next };
        match self {
            Self::Refused { asked, reasons } => told(
                format!("refused: {}", reasons.join("; ")),
                format!("deciding on '{asked}'"),
                "The refusal is in the journal. Ask somebody whose role allows it.".into(),
            ),
            Self::Declined { asked, what, next } => told(
                format!("refused: {what}"),
                format!("deciding on '{asked}'"),
                if next.is_empty() { "'quarterdeck kill status' shows what stands.".into() } else { next.clone() },
            ),
            Self::Forestalled { asked, what, next } => {
                told(what.clone(), format!("deciding on '{asked}'"), next.clone())
            }
            Self::NeedsApproval { asked, why, .. } => told(
                format!("waiting for approval: {why}"),
                format!("deciding on '{asked}'"),
                "Nothing was changed.".into(),
            ),
            Self::Crossed { asked, owner } => told(
                format!("refused: it belongs to {}", owner.title()),
                format!("deciding on '{asked}'"),
                format!("The refusal is in the journal. Open a session there with '--env {}'.", owner.name()),
            ),
            Self::NotFound { name, nearest, layers } => told(
                format!("there is no secret '{name}'"),
                format!("looking in {}", if layers.is_empty() { "no layer at all".into() } else { layers.join(", ") }),
                match nearest {
                    Some(near) => format!("Did you mean '{near}'? 'quarterdeck secrets list' shows all names."),
                    None => "'quarterdeck secrets list' shows all names.".into(),
                },
            ),
            Self::Backend { layer, error } => {
                let doing = if error.doing.is_empty() { String::new() } else { format!(", {}", error.doing) };
                told(
                    error.what.clone(),
                    format!("asking {layer}{doing}"),
                    if error.hint.is_empty() { hint(&error.kind).into() } else { error.hint.clone() },
                )
            }
            Self::Unwritten { why } => told(
                format!("nothing was done: the journal can't be written: {why}"),
                "recording the request before carrying it out".into(),
                "Mend the journal's folder ('quarterdeck doctor' names it), then ask again.".into(),
            ),
            Self::Unrecorded { done, why } => told(
                format!("UNRECORDED: {done}, and the journal can't be written: {why}"),
                "recording the outcome".into(),
                "The intent is in the journal as PENDING. Tell Governance, mend the journal's folder.".into(),
            ),
            Self::Broken { what } => told(
                what.clone(),
                "reading the journal".into(),
                "Don't mend it by hand: keep the files, tell Governance, run 'quarterdeck audit verify'.".into(),
            ),
            Self::Senseless { what, next } => told(what.clone(), String::new(), next.clone()),
        }
    }
}

/// Longest text of a backend's error, in characters.
const LONGEST: usize = 2_000;

/// A plugin hands on what a server said: no character of it steers a terminal or turns its text.
fn tame(error: BackendError) -> BackendError {
    let plain =
        |text: String| text.split('\n').map(|line| sanitise::line(line, LONGEST)).collect::<Vec<_>>().join("\n");
    let kind = match error.kind {
        ErrorKind::Denied { missing, grant } => ErrorKind::Denied { missing: plain(missing), grant: plain(grant) },
        ErrorKind::Conflict { current } => ErrorKind::Conflict { current: current.map(plain) },
        kind => kind,
    };
    BackendError { kind, what: plain(error.what), doing: plain(error.doing), hint: plain(error.hint) }
}

fn hint(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Conflict { .. } => "Somebody changed it meanwhile: look at it again, then repeat.",
        ErrorKind::OutcomeUnknown => "Read it back before you repeat: it may have been stored.",
        ErrorKind::Timeout | ErrorKind::Unreachable | ErrorKind::Gone => "'quarterdeck doctor' tells what answers.",
        _ => "'quarterdeck doctor' tells more.",
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        if !self.doing.is_empty() {
            write!(f, "\n  while: {}", self.doing)?;
        }
        if !self.next.is_empty() {
            write!(f, "\n  next:  {}", self.next)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.told().fmt(f)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_steers_no_terminal() {
        let error =
            BackendError::denied("read\u{202e}x", "no\u{1b}[2J\u{2066}").hint("a\nb\u{200b}").granted_by("p\u{9b}");
        let Failure::Backend { error, .. } = Failure::of_backend("vault", error) else { panic!("a backend's") };
        let ErrorKind::Denied { missing, grant } = &error.kind else { panic!("denied") };
        for text in [&error.what, &error.hint, missing, grant] {
            assert!(!text.contains(['\u{202e}', '\u{1b}', '\u{2066}', '\u{200b}', '\u{9b}']), "{text:?}");
        }
        assert!(error.hint.contains('\n'), "two lines stay two");
    }
}
