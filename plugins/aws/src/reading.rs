//! Listing, inspecting, reading. Refuses to read a value for a listing or an inspection, and one without its stage or
//! version: some servers give an old one then.

use crate::errors::{Asked, strange};
use crate::map::{Map, kind_of};
use crate::name::split;
use crate::remote::{Ask, send};
use crate::settings::Settings;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use aws_sdk_secretsmanager::types::{
    Filter, FilterNameStringType, RotationRulesType, SecretListEntry, SecretVersionsListEntry, SortByType,
    SortOrderType,
};
use quarterdeck_contract::*;
use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

/// The stage of the version that readers get.
pub(crate) const CURRENT: &str = "AWSCURRENT";
/// The stage of a version that will be current, and of one that AWS's own rotation left so.
pub(crate) const PENDING: &str = "AWSPENDING";
/// The stage of the version before.
pub(crate) const PREVIOUS: &str = "AWSPREVIOUS";

/// Before a rotation's id: the label under which its value is put. What has it and not yet `AWSPENDING` is pending too,
/// of a rotation that was cut off.
const OWN: &str = "quarterdeck-rotation-";

/// Entries of a page at most, which is AWS's own limit.
const PAGE: u32 = 100;

/// Of so many pending versions it is asked when they were made.
const MOST_DATED: usize = 20;

/// Our label on the version of this rotation.
pub(crate) fn own_label(rotation: &str) -> String {
    format!("{OWN}{rotation}")
}

/// One page, by name.
pub(crate) async fn list(ask: &Ask, settings: &Settings, page: &PageRequest) -> Result<Page> {
    let limit = if page.limit == 0 { PAGE } else { page.limit.min(PAGE) };
    let mut after = page.after.clone();
    loop {
        let (known, next) = listed_secrets(ask, settings, &page.prefix, limit, after).await?;
        let entries: Vec<Entry> = known.iter().filter_map(|secret| entry(secret, settings.recovery_days)).collect();
        // AWS may give a page that its filters left empty.
        if !entries.is_empty() || next.is_none() {
            return Ok(Page { entries, next });
        }
        after = next;
    }
}

/// The pending versions of the layer: by name the version's id, which is its rotation's, and the Unix second in which it
/// was made. Of several of one secret, the one that keeps others from staging.
pub(crate) async fn pendings(ask: &Ask, settings: &Settings) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let (known, next) = listed_secrets(ask, settings, "", PAGE, after).await?;
        for secret in known.iter().filter(|secret| secret.deleted_date().is_none()) {
            let versions = secret.secret_versions_to_stages().into_iter().flatten();
            let versions = versions.map(|(id, labels)| version(id, labels)).filter(|one| one.rotation.is_some());
            let holds_stage = |one: &VersionInfo| one.labels.iter().any(|label| label == PENDING);
            let first = versions.min_by_key(|one| (!holds_stage(one), one.id.clone()));
            found.extend(secret.name().map(str::to_owned).zip(first.map(|one| one.id.0)));
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    // A listing tells no version's date.
    for (name, id) in found.iter_mut().take(MOST_DATED) {
        let versions = listed(ask, name).await.unwrap_or_default();
        let made = versions.iter().find(|one| one.version_id() == Some(id)).and_then(|one| one.created_date());
        id.extend(made.map(|date| format!(" {}", date.secs())));
    }
    Ok(found)
}

/// One page of AWS's own, and where the next begins.
async fn listed_secrets(
    ask: &Ask,
    settings: &Settings,
    prefix: &str,
    limit: u32,
    after: Option<String>,
) -> Result<(Vec<SecretListEntry>, Option<String>)> {
    let Some(prefix) = both(&settings.prefix, prefix).filter(|prefix| may_begin_a_name(prefix)) else {
        return Ok((Vec::new(), None));
    };
    let mut filters: Vec<Filter> = settings.filters.iter().map(|(key, values)| filter(key, values)).collect();
    if !prefix.is_empty() {
        filters.push(filter("name", &[prefix.to_owned()]));
    }
    let answer = send!(
        ask,
        list_secrets()
            .include_planned_deletion(true)
            .max_results(limit.cast_signed())
            .set_filters(Some(filters).filter(|filters| !filters.is_empty()))
            .set_next_token(after)
            .sort_by(SortByType::Name)
            .sort_order(SortOrderType::Asc)
    );
    let asked = Asked { action: "secretsmanager:ListSecrets", name: None };
    let answer = answer.map_err(|error| ask.no(&error, &asked))?;
    let mut known = answer.secret_list.ok_or_else(|| strange("the list"))?;
    known.retain(|entry| entry.name().is_some_and(|name| name.starts_with(prefix)));
    Ok((known, answer.next_token.filter(|token| !token.is_empty())))
}

/// The longer of two prefixes; `None` when no name begins with both.
fn both<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    long.starts_with(short).then_some(long)
}

/// False for what AWS would refuse in a filter, or read as 'not'.
fn may_begin_a_name(prefix: &str) -> bool {
    prefix.len() <= 512 && prefix.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter))
}

fn filter(key: &str, values: &[String]) -> Filter {
    Filter::builder().key(FilterNameStringType::from(key)).set_values(Some(values.to_vec())).build()
}

fn entry(secret: &SecretListEntry, recovery_days: i64) -> Option<Entry> {
    let stages = secret.secret_versions_to_stages();
    Some(Entry {
        version: stages.and_then(current_of).map(VersionId),
        created_at: secret.last_changed_date().or(secret.created_date()).map(DateTime::secs),
        rotates_at: secret.next_rotation_date().filter(|_| secret.rotation_enabled() == Some(true)).map(DateTime::secs),
        deletes_at: secret.deleted_date().map(|date| gone_at(date.secs(), recovery_days)),
        ..Entry::named(SecretName::parse(secret.name()?)?)
    })
}

/// AWS's documents have it both ways, the day of the deletion's order or of its end: a day to come is the end.
fn gone_at(date: i64, recovery_days: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs().cast_signed());
    if date > now { date } else { date + recovery_days * 86_400 }
}

/// The version with this stage.
fn current_of(stages: &HashMap<String, Vec<String>>) -> Option<String> {
    stages.iter().find(|(_, labels)| labels.iter().any(|label| label == CURRENT)).map(|(id, _)| id.clone())
}

/// What AWS knows of a secret, also of a deleted one.
pub(crate) async fn describe(ask: &Ask, secret: &str) -> Result<Described> {
    let asked = Asked { action: "secretsmanager:DescribeSecret", name: Some(secret) };
    let found = send!(ask, describe_secret().secret_id(secret)).map_err(|error| ask.no(&error, &asked))?;
    if found.name().is_none() && found.arn().is_none() {
        return Err(strange("the secret's name"));
    }
    Ok(Described { current: found.version_ids_to_stages().and_then(current_of), found })
}

/// A secret without its value.
pub(crate) struct Described {
    /// The version that readers get.
    pub(crate) current: Option<String>,
    /// AWS's answer.
    pub(crate) found: DescribeSecretOutput,
}

impl Described {
    /// True when it is scheduled for deletion.
    pub(crate) fn is_deleted(&self) -> bool {
        self.found.deleted_date().is_some()
    }

    /// True when this version has this label.
    pub(crate) fn is_on(&self, version: &str, label: &str) -> bool {
        let labels = self.found.version_ids_to_stages().and_then(|stages| stages.get(version));
        labels.is_some_and(|labels| labels.iter().any(|found| found == label))
    }

    /// The versions beside this one that have `AWSPENDING`, sorted. On the current one it says nothing: AWS's own
    /// template leaves it there.
    pub(crate) fn pending_beside(&self, version: &str) -> Vec<String> {
        let all = self.found.version_ids_to_stages().into_iter().flatten().map(|(id, _)| id.as_str());
        let others = all.filter(|id| *id != version && self.current.as_deref() != Some(*id));
        let mut pending: Vec<String> = others.filter(|id| self.is_on(id, PENDING)).map(str::to_owned).collect();
        pending.sort();
        pending
    }

    /// True when there is this version.
    pub(crate) fn has(&self, version: &str) -> bool {
        self.found.version_ids_to_stages().is_some_and(|stages| stages.contains_key(version))
    }
}

/// All that is known of a secret without its value.
pub(crate) async fn inspect(ask: &Ask, settings: &Settings, name: &SecretName) -> Result<Inspection> {
    let (secret, _) = split(name.as_str());
    let described = describe(ask, secret).await?;
    let mut facts = facts(&described.found, settings.recovery_days);
    let mut versions: BTreeMap<String, VersionInfo> = BTreeMap::new();
    for (id, labels) in described.found.version_ids_to_stages().into_iter().flatten() {
        versions.insert(id.clone(), version(id, labels));
    }
    // It tells when each was made and which have no label any more. Who may not ask it sees the others.
    match listed(ask, secret).await {
        Ok(listed) => {
            for one in listed {
                let Some(id) = one.version_id() else { continue };
                let info = versions.entry(id.to_owned()).or_insert_with(|| version(id, one.version_stages()));
                info.created_at = one.created_date().map(DateTime::secs);
            }
        }
        Err(error) => facts.push(("versions".into(), format!("those without a stage are not told: {}", error.what))),
    }
    let mut versions: Vec<VersionInfo> = versions.into_values().collect();
    versions.sort_by_key(|version| (std::cmp::Reverse(version.created_at), rank(version)));
    let tags = described.found.tags().iter();
    let metadata = tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
    Ok(Inspection { versions, metadata, facts, ..Inspection::of(name.clone()) })
}

async fn listed(ask: &Ask, secret: &str) -> Result<Vec<SecretVersionsListEntry>> {
    let asked = Asked { action: "secretsmanager:ListSecretVersionIds", name: Some(secret) };
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let request = send!(
            ask,
            list_secret_version_ids().secret_id(secret).include_deprecated(true).max_results(100).set_next_token(after)
        );
        let answer = request.map_err(|error| ask.no(&error, &asked))?;
        all.extend(answer.versions.ok_or_else(|| strange("the list"))?);
        after = answer.next_token.filter(|token| !token.is_empty());
        if after.is_none() {
            return Ok(all);
        }
    }
}

fn version(id: &str, labels: &[String]) -> VersionInfo {
    let has = |wanted: &str| labels.iter().any(|label| label == wanted);
    let stage = match () {
        () if has(CURRENT) => Some(Stage::Current),
        () if has(PENDING) || has(&own_label(id)) => Some(Stage::Pending),
        () if has(PREVIOUS) => Some(Stage::Previous),
        () => None,
    };
    // A rotation's id is its version's, AWS's own rotations' too.
    let rotation = (stage == Some(Stage::Pending)).then(|| id.to_owned());
    VersionInfo { stage, labels: labels.to_vec(), rotation, ..VersionInfo::of(VersionId(id.to_owned())) }
}

/// Among versions of one second.
fn rank(version: &VersionInfo) -> u8 {
    match version.stage {
        Some(Stage::Pending) => 0,
        Some(Stage::Current) => 1,
        Some(Stage::Previous) => 2,
        Some(Stage::Retired) | None => 3,
    }
}

fn facts(found: &DescribeSecretOutput, recovery_days: i64) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut put = |label: &str, text: Option<String>| facts.extend(text.map(|text| (label.to_owned(), text)));
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    put("description", owned(found.description()));
    let gone = found.deleted_date().map(|date| gone_at(date.secs(), recovery_days));
    put(
        "deleted",
        gone.map(|at| format!("gone for good on {}, until then it can be restored", day(&DateTime::from_secs(at)))),
    );
    if found.rotation_enabled() == Some(true) {
        let every = found.rotation_rules().map(every).unwrap_or_default();
        let next = found.next_rotation_date().map_or(String::new(), |date| format!(", next {}", day(date)));
        put("rotated by AWS", Some(format!("{every}{next}")));
        put("rotation's lambda", owned(found.rotation_lambda_arn()));
    }
    put("last rotated", found.last_rotated_date().map(day));
    put("last changed", found.last_changed_date().map(day));
    put("last accessed", found.last_accessed_date().map(day));
    put("KMS key", Some(found.kms_key_id().unwrap_or("aws/secretsmanager").to_owned()));
    put("made by", owned(found.owning_service()));
    put("primary region", owned(found.primary_region()));
    for replica in found.replication_status() {
        let status = replica.status().map_or("", |status| status.as_str());
        put("replica", owned(replica.region()).map(|region| format!("{region} {status}").trim_end().to_owned()));
    }
    facts
}

fn every(rules: &RotationRulesType) -> String {
    match (rules.automatically_after_days(), rules.schedule_expression()) {
        (Some(days), _) => format!("every {days} days"),
        (None, Some(schedule)) => schedule.to_owned(),
        (None, None) => "on its own schedule".into(),
    }
}

/// `2026-12-01`.
fn day(date: &DateTime) -> String {
    let text = date.fmt(DateTimeFormat::DateTime).unwrap_or_default();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// The value of a version; of the current one when none is named.
pub(crate) async fn get(ask: &Ask, secret: &str, version: Option<&VersionId>) -> Result<(Value, VersionId)> {
    let request = match version {
        Some(version) => send!(ask, get_secret_value().secret_id(secret).version_id(&version.0)),
        None => send!(ask, get_secret_value().secret_id(secret).version_stage(CURRENT)),
    };
    let asked = Asked { action: "secretsmanager:GetSecretValue", name: Some(secret) };
    let answer = request.map_err(|error| match (ask.no(&error, &asked), version) {
        (BackendError { kind: ErrorKind::NotFound, .. }, Some(version)) => {
            BackendError::new(ErrorKind::NotFound, format!("there is no version '{version}' of '{secret}'"))
                .hint("AWS removes versions without a stage when there are many; 'secrets inspect' lists what is left.")
        }
        (error, _) => error,
    })?;
    let value = match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => Value { kind: kind_of(text.as_bytes()), bytes: SecretBytes::new(text.into_bytes()) },
        (None, Some(blob)) => Value { kind: Kind::Binary, bytes: SecretBytes::new(blob.into_inner()) },
        (None, None) => return Err(strange("the value")),
    };
    let version = answer.version_id.map(VersionId).ok_or_else(|| strange("the version's id"))?;
    Ok((value, version))
}

/// The value of a secret or of a key in it.
pub(crate) async fn read(ask: &Ask, name: &SecretName, version: Option<&VersionId>) -> Result<Reading> {
    let (secret, way) = split(name.as_str());
    let (value, version) = get(ask, secret, version).await?;
    let value = match way {
        None => value,
        Some(way) => map_of(secret, &value)?.get(&way).ok_or_else(|| no_key(name))?,
    };
    Ok(Reading { value, version: Some(version) })
}

/// The keys in a secret, or below one of its keys.
pub(crate) async fn keys(ask: &Ask, name: &SecretName) -> Result<Vec<String>> {
    let Reading { value, .. } = read(ask, name, None).await?;
    Ok(Map::parse(value.bytes.expose()).map(|map| map.keys()).unwrap_or_default())
}

/// A value as a map.
pub(crate) fn map_of(secret: &str, value: &Value) -> Result<Map> {
    Map::parse(value.bytes.expose()).ok_or_else(|| {
        BackendError::new(ErrorKind::NotFound, format!("'{secret}' is no JSON map, so there is no key in it"))
            .hint(format!("Read '{secret}' itself."))
    })
}

/// There is no such key.
pub(crate) fn no_key(name: &SecretName) -> BackendError {
    BackendError::new(ErrorKind::NotFound, format!("there is no key '{name}'"))
        .hint("'secrets keys' lists what there is.")
}
