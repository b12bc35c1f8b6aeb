//! The catalogue of events: for each type its tier, its severity and what it means. One table; `audit catalogue`
//! prints it and `docs/events.md` repeats it. Refuses types that are not listed here.

use crate::event::Status;
use crate::severity::Severity;
use serde::{Deserialize, Serialize};

/// How long an event is kept (R6.5), and whether it may change state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// Critical: 2 years, purged by hand only. The only tier that changes state.
    #[serde(rename = "c")]
    Critical,
    /// Sensitive: 1 year.
    #[serde(rename = "s")]
    Sensitive,
    /// Routine: 7 days.
    #[serde(rename = "r")]
    Routine,
    /// Personal data: 30 days.
    #[serde(rename = "p")]
    Personal,
    /// Debug: 1 day.
    #[serde(rename = "d")]
    Debug,
}

impl Tier {
    /// The word beside the letter.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Sensitive => "sensitive",
            Self::Routine => "routine",
            Self::Personal => "personal",
            Self::Debug => "debug",
        }
    }
}

/// What the catalogue says of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The type's name in the line.
    pub name: &'static str,
    /// `action.verb`.
    pub verb: &'static str,
    /// Retention.
    pub tier: Tier,
    /// Severity when it succeeds or is pending.
    pub fine: Severity,
    /// Severity when it fails, is denied or is unknown.
    pub bad: Severity,
    /// `data_type`.
    pub data_type: &'static str,
    /// One sentence.
    pub means: &'static str,
}

macro_rules! catalogue {
    ($($variant:ident $name:literal $verb:literal $tier:ident $fine:ident $bad:ident $data:literal $means:literal;)*) => {
        /// Every type of event that Quarterdeck writes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventKind {
            $(#[doc = $means] #[serde(rename = $name)] $variant,)*
        }

        impl EventKind {
            /// All of them, in the catalogue's order.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$variant),*];

            /// What the catalogue says of it.
            pub fn entry(self) -> Entry {
                match self {
                    $(Self::$variant => Entry {
                        name: $name, verb: $verb, tier: Tier::$tier, fine: Severity::$fine, bad: Severity::$bad,
                        data_type: $data, means: $means,
                    },)*
                }
            }
        }
    };
}

catalogue! {
    Snapshot "STATE_SNAPSHOT" "SNAPSHOT" Critical Info Major "journal" "All that was folded before; the first line of every file.";
    Recovery "JOURNAL_RECOVERED" "RECOVER" Critical Major Critical "journal" "A torn end was cut off and is kept inside this event.";
    SessionOpened "LOGIN_SUCCESS" "OPEN" Critical Info Minor "session" "A session began.";
    SessionClosed "LOGOUT" "CLOSE" Sensitive Info Minor "session" "A session ended.";
    SecretRead "SECRET_READ" "READ" Critical Info Major "secret" "A value was read by a person or for a program.";
    SecretReveal "SECRET_REVEAL" "REVEAL" Critical Minor Major "secret" "A value was shown on a screen for ten seconds.";
    SecretWrite "SECRET_WRITE" "WRITE" Critical Minor Major "secret" "A value was stored.";
    SecretDelete "SECRET_DELETE" "DELETE" Critical Minor Major "secret" "A secret was removed.";
    SecretRestore "SECRET_RESTORE" "RESTORE" Critical Minor Major "secret" "A secret that was deleted was brought back.";
    SecretInspected "SECRET_INSPECTED" "INSPECT" Routine Info Minor "secret" "Versions and dates of a secret were looked at; no value.";
    SecretVersion "SECRET_VERSION_CHANGED" "OBSERVE" Critical Minor Major "secret" "A backend has another version of a secret than before.";
    SecretRekey "SECRET_REKEY" "REKEY" Critical Minor Major "secret" "The Fernet file was sealed with a new key.";
    SecretValidate "SECRET_VALIDATE" "VALIDATE" Sensitive Info Minor "secret" "A store was opened and checked.";
    KeyGenerated "KEY_GENERATED" "GENERATE" Sensitive Info Minor "secret" "A new key was made; it is not kept here.";
    PermissionDenied "PERMISSION_DENIED" "REFUSE" Critical Major Major "policy" "A request was refused by policy.";
    ConfigRead "CONFIG_READ" "READ" Sensitive Info Minor "config" "The resolved configuration was shown, masked.";
    BackendUp "BACKEND_UP" "OBSERVE" Routine Info Info "backend" "A backend answers.";
    BackendDown "BACKEND_DOWN" "OBSERVE" Routine Major Major "backend" "A backend does not answer or refuses.";
    BackendExpiring "BACKEND_EXPIRING" "OBSERVE" Routine Major Major "backend" "The credential that a backend is reached with is about to end.";
    PluginRefused "PLUGIN_REFUSED" "REFUSE" Critical Major Major "backend" "A plugin was not loaded, or not trusted with a secret.";
    AuditQueried "COMPLIANCE_AUDIT" "QUERY" Critical Minor Major "audit" "All audit lines were searched with a filter.";
    JournalVerified "AUDIT_VERIFIED" "VERIFY" Sensitive Info Critical "journal" "The chain was checked.";
    KillSwitchSetUp "KILL_SWITCH_SET_UP" "SET_UP" Critical Minor Major "trading" "The latch was made: generation 0, trade.";
    KillSwitchActivated "KILL_SWITCH_ACTIVATED" "ACTIVATE" Critical Critical Critical "trading" "Trading was stopped: level 3 or level 4.";
    KillSwitchEscalated "KILL_SWITCH_ESCALATED" "ESCALATE" Critical Critical Critical "trading" "Level 3 became level 4: at its deadline, or because somebody said so.";
    KillSwitchRepeated "KILL_SWITCH_REPEATED" "ACTIVATE" Critical Major Major "trading" "A stop was asked for while as much or more was in force: it was sent again.";
    KillSwitchReason "KILL_SWITCH_REASON" "EXPLAIN" Critical Info Minor "trading" "The reason for a stop was given after it.";
    KillSwitchHeld "KILL_SWITCH_HELD" "HOLD" Critical Major Major "trading" "Level 3 was held: level 4 does not follow by itself.";
    KillSwitchReleased "KILL_SWITCH_RELEASED" "RELEASE" Critical Major Major "trading" "Trading was released.";
    KillSwitchAdopted "KILL_SWITCH_ADOPTED" "ADOPT" Critical Critical Critical "trading" "A latch that the journal did not know was taken into it.";
    KillSwitchConflict "KILL_SWITCH_CONFLICT" "REPAIR" Critical Critical Critical "trading" "The latch was gone, or less strict than the journal, and was put back.";
    KillSwitchFlat "KILL_SWITCH_FLAT" "PROVE" Critical Major Major "trading" "After level 4 every engine was proven flat.";
    KillSwitchResidual "KILL_SWITCH_RESIDUAL" "OBSERVE" Critical Critical Critical "trading" "After level 4 an engine is not proven flat.";
    KillSwitchBypass "KILL_SWITCH_BYPASS" "OBSERVE" Critical Critical Critical "trading" "An order was seen after the switch was set (S Q5.4 rule 3).";
    KillSwitchAlarm "KILL_SWITCH_ALARM" "OBSERVE" Critical Critical Critical "trading" "The switch needs a person: it can't decide by itself.";
    EngineSilent "ENGINE_SILENT" "OBSERVE" Sensitive Major Major "trading" "An engine has not been heard for three seconds.";
    EngineHeard "ENGINE_HEARD" "OBSERVE" Sensitive Info Info "trading" "An engine is heard, for the first time or again.";
    EngineBlocked "ENGINE_BLOCKED" "OBSERVE" Sensitive Info Info "trading" "An engine answers a stop: it sends no more orders.";
    EngineFlat "ENGINE_FLAT" "OBSERVE" Sensitive Info Info "trading" "An engine is proven flat.";
    EngineTrading "ENGINE_TRADING" "OBSERVE" Sensitive Info Info "trading" "An engine may trade again.";
    EngineTrouble "ENGINE_TROUBLE" "OBSERVE" Sensitive Critical Critical "trading" "An engine is late, defies a stop, or can't close what it holds.";
    RotationPlanned "ROTATION_PLANNED" "ROTATE" Critical Minor Major "secret" "A rotation was planned: nothing was changed yet.";
    RotationConfirmed "ROTATION_CONFIRMED" "CONFIRM" Critical Minor Major "secret" "Somebody of the role that has to confirmed a rotation; recorded, not signed.";
    RotationRunner "ROTATION_RUNNER" "CARRY" Critical Info Minor "secret" "A process carries a rotation on, or lets go of it.";
    RotationStep "ROTATION_STEP" "ROTATE" Critical Info Major "secret" "A step of a rotation begins, is done, or failed.";
    RotationNewValue "ROTATION_NEW_VALUE" "ROTATE" Critical Minor Major "secret" "A rotation gives a value up, and another one is made under another id.";
    RotationAsked "ROTATION_ASKED" "ASK" Critical Minor Major "secret" "Somebody asked a rotation to abort, go back, retire or go on.";
    RotationErrors "ROTATION_ERRORS" "OBSERVE" Critical Major Major "secret" "Readers had as many log-in errors after promote as the rule says: back to the old value.";
    RotationGraceOver "ROTATION_GRACE_OVER" "OBSERVE" Critical Info Major "secret" "Both values were valid for as long as planned.";
    RotationRetireOverdue "ROTATION_RETIRE_OVERDUE" "OBSERVE" Sensitive Critical Critical "secret" "Grace is over and the old value is still valid: a person has to say.";
    RotationLost "ROTATION_LOST" "OBSERVE" Critical Critical Critical "secret" "Somebody else changed the secret during a rotation: theirs stays, ours is revoked.";
    RotationEnded "ROTATION_ENDED" "ROTATE" Critical Minor Major "secret" "A rotation is over: done, or the old value is back.";
    RotationAdopted "ROTATION_ADOPTED" "ADOPT" Critical Minor Major "secret" "A backend's own schedule was switched off: the secret is rotated from here.";
    EnvironmentCrossed "ENVIRONMENT_CROSSED" "REFUSE" Critical Major Major "policy" "A secret of another environment was asked for.";
}

impl EventKind {
    /// How bad an event of this type with this outcome is.
    pub fn severity(self, status: Status) -> Severity {
        let entry = self.entry();
        match status {
            Status::Success | Status::Pending => entry.fine,
            Status::Failure | Status::Denied | Status::Unknown => entry.bad,
        }
    }

    /// Finds a type by its name in a line.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.entry().name == name)
    }
}

/// `docs/events.md`, whole.
pub fn page() -> String {
    let mut page = String::from(
        "# Events\n\nEvery type of event that Quarterdeck writes into its journal; `quarterdeck audit catalogue` prints the same. [The\njournal](journal.md) says how a line looks.\n\nThe severity is of an event that went well or is pending; the other one is of a failure, a refusal, or an outcome that\nnobody knows. The tier is the letter `t` of a line and says how long it is to be kept: critical 2 years, sensitive 1\nyear, routine 7 days, personal 30 days, debug 1 day (nothing is purged yet). Only critical events change state.\n\n| type | verb | tier | severity | if it fails | data | means |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for kind in EventKind::ALL {
        let Entry { name, verb, tier, fine, bad, data_type, means } = kind.entry();
        let tier = tier.word();
        page.push_str(&format!("| `{name}` | `{verb}` | {tier} | {fine} | {bad} | {data_type} | {means} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_page_is_the_catalogue() {
        let page = page();
        // Printed as it stands, to be put in its place.
        assert!(page == include_str!("../../../docs/events.md"), "docs/events.md is made from this table:\n{page}");
    }

    #[test]
    fn names_are_unique_and_match_what_serde_writes() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in EventKind::ALL {
            let name = kind.entry().name;
            assert!(seen.insert(name), "{name} stands twice");
            assert_eq!(serde_json::to_string(kind).ok(), Some(format!("\"{name}\"")));
            assert_eq!(EventKind::by_name(name), Some(*kind));
        }
    }
}
