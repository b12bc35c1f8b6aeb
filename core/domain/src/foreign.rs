//! Reads a line of any audit file, our own and other programs', into the four texts that the tail shows. Refuses a
//! line's own word on its severity, and raw bytes: every text that leaves is redacted and sanitised.
//!
//! Known are S Q5.1 (ours and others'), S Q2.5, the guide's schema, and the audit device of Vault and OpenBao; other JSON,
//! and what is no JSON, is shown raw.

use crate::audit::{AuditLine, Beside, Fields, Place};
use crate::catalogue::EventKind;
use crate::event::Status;
use crate::severity::Severity;
use crate::{redact, sanitise};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// Columns of a short field, and of one that may say more.
const SHORT: usize = 64;
const LONG: usize = 240;
/// What stands where a line tells nothing.
const NOTHING: &str = "-";

/// Reads one line, without its newline.
pub fn read(source: Arc<str>, place: Place, raw: &[u8]) -> AuditLine {
    let text = String::from_utf8_lossy(raw);
    let parsed = serde_json::from_str::<Shape<'_>>(&text).ok().and_then(|shape| shape.told());
    let told = parsed.unwrap_or_else(|| Told::raw(&text));
    let severity = told.severity();
    let outcome = told.outcome();
    let clean = |text: &str, width| sanitise::line(&redact::text(&cut(text)), width).into_owned();
    let fields = Fields {
        actor: &clean(&told.actor, SHORT),
        kind: &clean(&told.kind, SHORT),
        resource: &clean(&told.resource, LONG),
        outcome: &clean(&outcome, LONG),
    };
    let mut line = AuditLine::new(source, told.at, severity, place, &fields);
    if let Some(beside) = &told.beside {
        line = line.saying(crate::own::cleaned(beside, &told.role, &|text| clean(text, LONG)));
    }
    if !sends_order(&told.kind, &told.verb) {
        return line;
    }
    line.sending_order(&clean(&told.environment, SHORT), &clean(&told.id, SHORT))
}

/// True for an event by which an order leaves for the market, or was meant to: what became of one afterwards is none.
fn sends_order(kind: &str, verb: &str) -> bool {
    const SENDS: [&str; 16] = [
        "SUBMIT",
        "SUBMITTED",
        "SUBMISSION",
        "PLACE",
        "PLACED",
        "PLACEMENT",
        "NEW",
        "SEND",
        "SENT",
        "CREATE",
        "CREATED",
        "ROUTE",
        "ROUTED",
        "REPLACE",
        "MODIFY",
        "AMEND",
    ];
    const NEVER: [&str; 4] = ["CANCEL", "CANCELED", "CANCELLED", "CANCELLATION"];
    let words = |text: &str, wanted: &[&str]| {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(word)))
    };
    if !words(kind, &["ORDER", "ORDERS"]) || words(kind, &NEVER) {
        return false;
    }
    // A type that says no more than 'order' leaves it to the verb.
    words(kind, &SENDS) || (matches!(kind, "ORDER" | "ORDERS" | "ORDER_EVENT") && words(verb, &SENDS))
}

/// A line that ended before its newline came, as when its file was cut.
pub fn torn(source: Arc<str>, place: Place, raw: &[u8]) -> AuditLine {
    let text = String::from_utf8_lossy(raw);
    let shown = sanitise::line(&redact::text(&cut(&text)), LONG).into_owned();
    let fields =
        Fields { actor: NOTHING, kind: "TORN_LINE", resource: &shown, outcome: "its file was cut or replaced" };
    AuditLine::new(source, None, Severity::Minor, place, &fields)
}

/// Enough of a text for any screen, so that a megabyte is not searched for secrets to show a line of it. A secret that
/// begins before the cut is redacted by its beginning.
fn cut(text: &str) -> Cow<'_, str> {
    const ENOUGH: usize = 4_096;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) if text.len() > ENOUGH => Cow::Borrowed(text.get(..end).unwrap_or(text)),
        _ => Cow::Borrowed(text),
    }
}

/// What a line tells, before it is put in words.
struct Told<'a> {
    at: Option<Timestamp>,
    actor: Cow<'a, str>,
    kind: Cow<'a, str>,
    resource: Cow<'a, str>,
    result: Option<Status>,
    code: Option<Cow<'a, str>>,
    duration_ms: Option<u64>,
    verb: Cow<'a, str>,
    environment: Cow<'a, str>,
    id: Cow<'a, str>,
    /// What came of it, beside the status.
    more: String,
    role: Cow<'a, str>,
    beside: Option<Beside>,
}

/// Every top-level field that one of the schemas has, unparsed: the same name means another thing in another schema.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    actor: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    success: Option<&'a RawValue>,
    #[serde(borrow)]
    details: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    failure_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    duration_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    process_id: Option<&'a RawValue>,
    #[serde(borrow)]
    environment: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow, rename = "@timestamp")]
    at_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    /// Vault's audit device: `request` or `response`, what was asked, and who asked it.
    #[serde(borrow, rename = "type")]
    what: Option<&'a RawValue>,
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    auth: Option<&'a RawValue>,
    /// Our own journal's typed data.
    #[serde(borrow, rename = "_d")]
    own: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ActorShape<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    role: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ActionShape<'a> {
    #[serde(borrow)]
    verb: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    resource_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ContextShape<'a> {
    #[serde(borrow)]
    environment: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ResultShape<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    duration_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct VaultRequest<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    operation: Option<&'a RawValue>,
    #[serde(borrow)]
    path: Option<&'a RawValue>,
    #[serde(borrow)]
    mount_point: Option<&'a RawValue>,
    #[serde(borrow)]
    mount_type: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct VaultAuth<'a> {
    #[serde(borrow)]
    display_name: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct VaultRole<'a> {
    #[serde(borrow)]
    role_name: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DetailsShape<'a> {
    #[serde(borrow)]
    secret_key: Option<&'a RawValue>,
    #[serde(borrow)]
    component: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    path: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    client_order_id: Option<&'a RawValue>,
    #[serde(borrow)]
    order_id: Option<&'a RawValue>,
}

impl<'a> Shape<'a> {
    /// `None` where it is none of the schemas.
    fn told(&self) -> Option<Told<'a>> {
        let mut told = match (self.event_type, self.result) {
            (Some(_), Some(result)) if is_object(result) => self.nested()?,
            (Some(_), None) if self.success.is_some() => self.guides()?,
            (None, Some(result)) if !is_object(result) && self.action.is_some() => self.trail()?,
            (None, None) if self.request.is_some_and(is_object) => self.vault()?,
            _ => return None,
        };
        told.at = self.at();
        if let Some(said) = self.own.and_then(|own| crate::own::said(&told.kind, own)) {
            // What says nothing of its own is about what the line names.
            if !said.resource.is_empty() {
                told.resource = said.resource.into();
            }
            told.more = said.came;
            told.beside = said.beside;
        }
        Some(told)
    }

    /// S Q5.1.
    fn nested(&self) -> Option<Told<'a>> {
        let actor: Option<ActorShape<'a>> = self.actor.and_then(parse);
        let action: Option<ActionShape<'a>> = self.action.and_then(parse);
        let result: ResultShape<'a> = parse(self.result?)?;
        Some(Told {
            at: None,
            actor: actor.as_ref().and_then(|actor| actor.id).map_or(NOTHING.into(), scalar),
            kind: capitals(scalar(self.event_type?)),
            resource: action
                .as_ref()
                .and_then(|action| action.resource)
                .map_or("".into(), |raw| without_scheme(scalar(raw))),
            result: result.status.and_then(|raw| status(&scalar(raw))),
            code: result.error_code.map(scalar),
            duration_ms: result.duration_ms.and_then(|raw| raw.get().parse().ok()),
            verb: action.as_ref().and_then(|action| action.verb).map_or("".into(), scalar),
            environment: self.environment(),
            id: action.and_then(|action| action.resource_id).map_or("".into(), scalar),
            more: String::new(),
            role: actor.and_then(|actor| actor.role).map_or("".into(), scalar),
            beside: None,
        })
    }

    /// S Q2.5: `actor` is `role:name`, `action` a verb, `result` a word.
    fn trail(&self) -> Option<Told<'a>> {
        let actor = self.actor.map_or(NOTHING.into(), scalar);
        let verb = scalar(self.action?);
        let resource = self.resource.map_or("".into(), scalar);
        // The trail is of secrets, unless what was acted on says otherwise.
        let what = if resource.starts_with("order://") { "ORDER" } else { "SECRET" };
        Some(Told {
            at: None,
            actor: match actor.split_once(':') {
                Some((_, name)) if !name.is_empty() => Cow::Owned(name.to_owned()),
                _ => actor,
            },
            kind: capitals(Cow::Owned(format!("{what}_{verb}"))),
            resource: without_scheme(resource),
            result: status(&scalar(self.result?)),
            code: self.failure_reason.map(scalar),
            duration_ms: self.duration_ms.and_then(|raw| raw.get().parse().ok()),
            verb,
            environment: self.environment(),
            id: "".into(),
            more: String::new(),
            role: "".into(),
            beside: None,
        })
    }

    /// The guide's: flat, `success` is a boolean, what it was about stands in `details`.
    fn guides(&self) -> Option<Told<'a>> {
        let details: Option<DetailsShape<'a>> = self.details.and_then(parse);
        let of = |pick: fn(&DetailsShape<'a>) -> Option<&'a RawValue>| details.as_ref().and_then(pick).map(scalar);
        let what = of(|details| details.secret_key.or(details.path).or(details.component));
        let resource = match (of(|details| details.source), what) {
            (Some(source), Some(what)) => Cow::Owned(format!("{source}/{what}")),
            (source, what) => what.or(source).unwrap_or_default(),
        };
        let process = || self.process_id.map_or(NOTHING.into(), |raw| Cow::Owned(format!("pid {}", scalar(raw))));
        Some(Told {
            at: None,
            actor: of(|details| details.user).unwrap_or_else(process),
            kind: capitals(scalar(self.event_type?)),
            resource,
            result: match self.success?.get() {
                "true" => Some(Status::Success),
                "false" => Some(Status::Failure),
                _ => None,
            },
            code: self.error.map(scalar),
            duration_ms: self.duration_ms.and_then(|raw| raw.get().parse().ok()),
            verb: "".into(),
            environment: self.environment(),
            id: of(|details| details.client_order_id.or(details.order_id)).unwrap_or_default(),
            more: String::new(),
            role: "".into(),
            beside: None,
        })
    }

    /// The audit device of Vault and OpenBao: a line for the request and one for its answer, which alone says how it came
    /// out. A path of a key-value mount is the secret's own name.
    fn vault(&self) -> Option<Told<'a>> {
        let request: VaultRequest<'a> = parse(self.request?)?;
        let path = scalar(request.path?);
        let is_answer = match &*scalar(self.what?) {
            "response" => true,
            "request" => false,
            _ => return None,
        };
        let verb = capitals(scalar(request.operation?));
        let mount = request.mount_point.map_or("".into(), scalar);
        let rest = path.strip_prefix(&*mount).unwrap_or(&path);
        let is_kv = request.mount_type.map(scalar).is_some_and(|kind| kind == "kv");
        let secret = ["data/", "metadata/", "subkeys/"].into_iter().find(|part| is_kv && rest.starts_with(part));
        let is_login = path.starts_with("auth/") && path.split('/').any(|part| part == "login");
        let kind = match (secret, &*verb) {
            _ if !is_answer => "VAULT_REQUEST".to_owned(),
            _ if is_login => "LOGIN".into(),
            (Some("metadata/" | "subkeys/"), _) => "SECRET_INSPECTED".into(),
            (_, "READ") if is_kv => "SECRET_READ".into(),
            (_, "CREATE" | "UPDATE" | "PATCH") if is_kv => "SECRET_WRITE".into(),
            (_, "DELETE") if is_kv => "SECRET_DELETE".into(),
            (_, "LIST" | "SCAN") if is_kv => "SECRET_LIST".into(),
            (_, verb) => format!("VAULT_{verb}"),
        };
        let error = self.error.map(scalar).filter(|error| !error.is_empty() && error != "null");
        let code = error.map(|error| match error.contains("permission denied") {
            true => Cow::Borrowed("PERMISSION_DENIED"),
            false => error,
        });
        let auth: Option<VaultAuth<'a>> = self.auth.and_then(parse);
        let role = |auth: &VaultAuth<'a>| auth.metadata.and_then(parse).and_then(|role: VaultRole<'a>| role.role_name);
        let actor = auth.as_ref().and_then(|auth| role(auth).or(auth.display_name)).map(scalar);
        Some(Told {
            at: None,
            actor: actor.filter(|actor| !actor.is_empty() && actor != "null").unwrap_or(NOTHING.into()),
            kind: kind.into(),
            resource: Cow::Owned(rest[secret.map_or(0, str::len)..].to_owned()),
            result: is_answer.then_some(if code.is_some() { Status::Failure } else { Status::Success }),
            code,
            duration_ms: None,
            verb,
            environment: self.environment(),
            id: request.id.map_or("".into(), scalar),
            more: String::new(),
            role: "".into(),
            beside: None,
        })
    }

    /// In the line itself or in its context, as the schema has it.
    fn environment(&self) -> Cow<'a, str> {
        let context = || self.context.and_then(parse).and_then(|context: ContextShape<'a>| context.environment);
        self.environment.or_else(context).map_or("".into(), scalar)
    }

    fn at(&self) -> Option<Timestamp> {
        let given = scalar(self.timestamp.or(self.at_timestamp).or(self.time).or(self.ts)?);
        // A time without a zone is UTC: the guide says so of its own.
        given.parse().ok().or_else(|| {
            given.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp())
        })
    }
}

impl<'a> Told<'a> {
    /// A line of no known schema: its whole text stands as what it is about.
    fn raw(text: &'a str) -> Self {
        let shape = serde_json::from_str::<Shape<'_>>(text);
        Self {
            at: shape.as_ref().ok().and_then(Shape::at),
            actor: NOTHING.into(),
            kind: if shape.is_ok() { "JSON".into() } else { "TEXT".into() },
            resource: text.into(),
            result: None,
            code: None,
            duration_ms: None,
            verb: "".into(),
            environment: "".into(),
            id: "".into(),
            more: String::new(),
            role: "".into(),
            beside: None,
        }
    }

    fn severity(&self) -> Severity {
        let status = if self.is_denied() { Some(Status::Denied) } else { self.result };
        if let (Some(kind), Some(status)) = (EventKind::by_name(&self.kind), status) {
            return kind.severity(status);
        }
        severity(&self.kind, &self.verb, status)
    }

    fn is_denied(&self) -> bool {
        let names = ["PERMISSION_DENIED", "ACCESS_DENIED", "FORBIDDEN", "UNAUTHORIZED"];
        let coded = self.code.as_ref().is_some_and(|code| names.iter().any(|name| code.starts_with(name)));
        self.result == Some(Status::Denied) || (self.result == Some(Status::Failure) && coded)
    }

    /// `ok 38 ms`, `DENIED PERMISSION_DENIED`, `rejected INVALID_CREDENTIALS`.
    fn outcome(&self) -> String {
        let word = match self.result {
            None => return String::new(),
            Some(Status::Success) => "ok",
            Some(Status::Pending) => "pending",
            Some(Status::Unknown) => "UNKNOWN",
            Some(_) if self.is_denied() => "DENIED",
            Some(_) if is_login(&self.kind) => "rejected",
            Some(_) => "FAILED",
        };
        let mut text = match (word, self.more.as_str()) {
            (word, "") => word.to_owned(),
            // That it went well is said by what is told of it.
            ("ok", more) => return more.to_owned(),
            (word, more) => format!("{word} {more}"),
        };
        if let Some(code) = &self.code {
            text.push(' ');
            text.push_str(code);
        }
        if let Some(ms) = self.duration_ms {
            text.push_str(&if ms < 1_000 {
                format!(" {ms} ms")
            } else {
                format!(" {}.{} s", ms / 1_000, ms % 1_000 / 100)
            });
        }
        text
    }
}

/// The severity of other programs' events: S Q1.5 and Q5.3 by type and result. A failure is worth a look, a denial a
/// question; what the table doesn't name and what went well is routine.
pub fn severity(kind: &str, verb: &str, result: Option<Status>) -> Severity {
    const CRITICAL: [&str; 5] = [
        "KILL_SWITCH_ACTIVATED",
        "API_KEY_COMPROMISED",
        "UNAUTHORIZED_ACCESS",
        "INTRUSION_DETECTED",
        "KILL_SWITCH_BYPASS",
    ];
    const MAJOR: [&str; 7] = [
        "PACING_VIOLATION",
        "IAM_POLICY_CHANGED",
        "PERMISSION_DENIED",
        "INCIDENT_CREATED",
        "SECRET_ANOMALY",
        "BACKEND_SEALED",
        "SECRET_REVOKE",
    ];
    const MINOR: [&str; 12] = [
        "SECRET_ROTATE",
        "SECRET_WRITE",
        "SECRET_DELETE",
        "COMPLIANCE_AUDIT",
        "LOGIN_FAILED",
        "AUTH_FAILURE",
        "IAM_ROLE_CREATED",
        "CODE_CHANGE_DEPLOYED",
        "DATA_EXPORT",
        "CONFIG_WRITE",
        "CONFIG_CHANGE",
        "VALIDATION_FAILURE",
    ];
    let by_type = if CRITICAL.contains(&kind) || (kind == "KILL_SWITCH" && verb == "ACTIVATE") {
        Severity::Critical
    } else if MAJOR.contains(&kind) || kind == "KILL_SWITCH" {
        Severity::Major
    } else if MINOR.contains(&kind) {
        Severity::Minor
    } else {
        Severity::Info
    };
    let by_result = match result {
        Some(Status::Denied) => Severity::Major,
        Some(Status::Failure | Status::Unknown) => Severity::Minor,
        Some(Status::Success | Status::Pending) | None => Severity::Info,
    };
    by_type.max(by_result)
}

fn is_login(kind: &str) -> bool {
    matches!(kind, "LOGIN" | "LOGIN_FAILED" | "AUTH_FAILURE")
}

fn status(word: &str) -> Option<Status> {
    [
        ("SUCCESS", Status::Success),
        ("FAILURE", Status::Failure),
        ("FAILED", Status::Failure),
        ("ERROR", Status::Failure),
        ("DENIED", Status::Denied),
        ("PENDING", Status::Pending),
        ("UNKNOWN", Status::Unknown),
    ]
    .into_iter()
    .find_map(|(name, status)| name.eq_ignore_ascii_case(word).then_some(status))
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// A text without its quotes and escapes; anything else as it stands.
fn scalar(raw: &RawValue) -> Cow<'_, str> {
    let text = raw.get();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        Some(_) => serde_json::from_str::<String>(text).map_or(Cow::Borrowed(text), Cow::Owned),
        None => Cow::Borrowed(text),
    }
}

fn capitals(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) { Cow::Owned(text.to_ascii_uppercase()) } else { text }
}

/// `secret://prod/x` is shown as `prod/x`; a web address keeps its scheme.
fn without_scheme(resource: Cow<'_, str>) -> Cow<'_, str> {
    match resource.split_once("://") {
        Some((scheme, rest)) if !scheme.starts_with("http") && !rest.is_empty() => Cow::Owned(rest.to_owned()),
        _ => resource,
    }
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
