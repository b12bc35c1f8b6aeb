//! One event: a line of the journal in the schema of S Q5.1. Refuses to hold a secret's value: a value has no field
//! here, only a keyed fingerprint.

use crate::catalogue::EventKind;
use crate::environment::Environment;
use crate::kill::Record;
use crate::person::{Role, Who};
use crate::rotate::Fact;
use crate::state::State;
use crate::version::Sighting;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How an event came out. An intent is `Pending` and shares its `request_id` with the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Decided and written, not yet done.
    Pending,
    /// Done.
    Success,
    /// Tried and failed.
    Failure,
    /// Refused by policy.
    Denied,
    /// Sent, and nobody knows.
    Unknown,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `user` or `system`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The person's handle in the key ring; `quarterdeck` for what the program does by itself.
    pub id: String,
    /// The role, `none` where there is none.
    pub role: String,
    /// The session.
    pub session_id: String,
}

impl Actor {
    /// A person.
    pub fn person(who: &Who) -> Self {
        Self {
            kind: "user".into(),
            id: who.person.as_str().into(),
            role: who.role.map_or("none", Role::name).into(),
            session_id: who.session.clone(),
        }
    }

    /// The program itself, in somebody's session.
    pub fn system(session: &str) -> Self {
        Self { kind: "system".into(), id: "quarterdeck".into(), role: "none".into(), session_id: session.into() }
    }
}

/// What was done to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// `READ`, `WRITE`, `OPEN` …
    pub verb: String,
    /// `secret://fernet/broker.password`, `backend://vault`.
    pub resource: String,
    /// The resource's version or id; empty when it has none.
    pub resource_id: String,
}

/// Where and in which request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The client's address as the log-in says it; forgeable, for the log only; null when there is none.
    pub ip_address: Option<String>,
    /// Shared by an intent and its outcome.
    pub request_id: String,
    /// The environment's name; `none` for the file verbs that need no environment.
    pub environment: String,
    /// Room for tenants (S Q1.3).
    pub tenant_id: Option<String>,
}

/// How it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The status.
    pub status: Status,
    /// Milliseconds between intent and outcome; null for an intent.
    pub duration_ms: Option<u64>,
    /// One word, null on success.
    pub error_code: Option<String>,
}

/// What the security people want beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityContext {
    /// True only where a touch or a PIN was proved.
    pub mfa_verified: bool,
    /// 0..1, null until a baseline exists.
    pub anomaly_score: Option<f64>,
}

/// The event's own typed data, `_d`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// There is nothing more to say.
    Nothing {},
    /// An act on one secret.
    Secret {
        /// The layer it is in.
        layer: String,
        /// The backend's name for it.
        name: String,
        /// Why: `get`, `reveal`, `set`, `run`.
        purpose: String,
        /// Version after the act, where there is one.
        version: Option<String>,
        /// HMAC of the value under the installation key, 16 hex digits; never a plain hash.
        fingerprint: Option<String>,
        /// More about the outcome, in words.
        note: Option<String>,
    },
    /// Another version of a secret is where one was, and it was not made through us.
    Version {
        /// The layer it is in.
        layer: String,
        /// The backend's name for it.
        name: String,
        /// What was there.
        from: Sighting,
        /// What is there.
        to: Sighting,
    },
    /// A backend went from one condition to another.
    Backend {
        /// The backend's name.
        name: String,
        /// In words.
        from: String,
        /// In words.
        to: String,
        /// Why, sanitised and without a value.
        reason: String,
    },
    /// A request was refused.
    Refusal {
        /// What was asked.
        asked: String,
        /// Each reason, in words.
        reasons: Vec<String>,
    },
    /// A session began or ended.
    Session {
        /// The host it is on.
        host: String,
        /// `cockpit` or the verb.
        program: String,
        /// The process.
        pid: u32,
        /// Opened look only.
        look_only: bool,
    },
    /// All that was folded from what came before: the first line of every file.
    Snapshot {
        /// The state after the event before this one.
        state: Box<State>,
        /// The file before this one, null for the first.
        previous_file: Option<String>,
    },
    /// A torn end was cut and is kept here.
    Recovery {
        /// The file.
        file: String,
        /// Where the cut was made, in bytes.
        offset: u64,
        /// What was cut, in base64.
        cut_base64: String,
    },
    /// The kill-switch: the record as it was written, or as it stands.
    Switch {
        /// It.
        record: Box<Record>,
        /// The reason given afterwards, the post-incident note, or why this was needed, in words.
        note: Option<String>,
        /// From the key to the disk, microseconds, where it was measured.
        durable_us: Option<u64>,
    },
    /// An engine went from one standing to another.
    Engine {
        /// Its name.
        name: String,
        /// The episode that it answers; null while trading is normal.
        episode: Option<String>,
        /// The generation that it answers.
        generation: u64,
        /// In a word.
        from: String,
        /// In a word.
        to: String,
        /// Why, in words.
        why: String,
        /// From the stop being durable to its answer, microseconds.
        took_us: Option<u64>,
    },
    /// An order after the stop.
    Bypass {
        /// Who sent it, as the line names it.
        actor: String,
        /// The order, redacted.
        order: String,
        /// When, as the line says.
        at: Timestamp,
        /// Milliseconds after the stop.
        after_ms: i64,
        /// Which tailed file said so.
        source: String,
        /// The episode.
        episode: String,
    },
    /// Something became known of a rotation.
    Rotation {
        /// Its number: 27 is `R-27`.
        number: u32,
        /// Whose run of it says so, where a runner does.
        runner: Option<String>,
        /// What.
        fact: Box<Fact>,
    },
    /// Something was looked at or checked.
    Check {
        /// What.
        what: String,
        /// How many things.
        count: u64,
        /// What was found, in words.
        found: String,
    },
}

/// An event before the journal gives it a place: everything but `_c`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, UTC, milliseconds.
    #[serde(with = "millis")]
    pub timestamp: Timestamp,
    /// `evt-` and 16 hex digits.
    pub event_id: String,
    /// From the catalogue.
    pub event_type: EventKind,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// Where.
    pub context: Context,
    /// How it came out.
    pub result: Outcome,
    /// Beside it.
    pub security_context: SecurityContext,
    /// What kind of data was touched (S Q1.3): from the catalogue.
    pub data_type: String,
    /// The event's own data.
    #[serde(rename = "_d")]
    pub detail: Detail,
}

impl Event {
    /// An event with the fields that everything has; the rest is filled in by the caller.
    pub fn new(kind: EventKind, at: Timestamp, id: EventId, actor: Actor, environment: Option<Environment>) -> Self {
        Self {
            timestamp: at,
            event_id: id.event,
            event_type: kind,
            actor,
            action: Action { verb: kind.entry().verb.into(), resource: String::new(), resource_id: String::new() },
            context: Context {
                ip_address: None,
                request_id: id.request,
                environment: environment.map_or("none", Environment::name).into(),
                tenant_id: None,
            },
            result: Outcome { status: Status::Success, duration_ms: None, error_code: None },
            security_context: SecurityContext { mfa_verified: false, anomaly_score: None },
            data_type: kind.entry().data_type.into(),
            detail: Detail::Nothing {},
        }
    }

    /// Says what it was done to.
    pub fn on(mut self, resource: impl Into<String>) -> Self {
        self.action.resource = resource.into();
        self
    }

    /// Says how it came out.
    pub fn came_out(mut self, status: Status, duration_ms: Option<u64>, error_code: Option<&str>) -> Self {
        self.result = Outcome { status, duration_ms, error_code: error_code.map(str::to_owned) };
        self
    }

    /// Adds the event's own data.
    pub fn with(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }
}

/// The two identities of an event; made outside, since randomness is the shell's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventId {
    /// `evt-` and 16 hex digits.
    pub event: String,
    /// `req-` and 12 hex digits, shared by intent and outcome.
    pub request: String,
}

/// Timestamps as `2025-11-08T14:30:15.042Z`: always three digits, always UTC.
pub mod millis {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Formats a time with exactly three digits of the second.
    pub fn text(at: Timestamp) -> String {
        format!("{at:.3}")
    }

    /// For serde.
    pub fn serialize<S: Serializer>(at: &Timestamp, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&text(*at))
    }

    /// For serde.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
